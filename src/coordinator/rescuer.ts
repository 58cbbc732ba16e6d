/**
 * Looks for dead launchers and takes back what they held (PROTOCOL 4): at start and each minute. A launcher is dead when
 * its heartbeat is older than R by the database's clock, or by proof: every process on its roster was of this boot, pid
 * namespace and user, none of them lives, and what they left was ended and nothing is left.
 */
import { CHAIN } from '../base/limits.ts';
import { messageOf, WorldError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { judgeProcess } from '../../native-free/inventory.ts';
import { endByMarker } from '../process/marker.ts';
import type { Database } from '../store/connection.ts';
import {
  releaseChunk,
  rescueCandidates,
  rosterOf,
  stillHeld,
  tombstone,
  type Candidate,
} from '../store/launcher/rescue.ts';
import type { RosterMember } from '../store/rows.ts';

/** By this entry of their environment the processes of an incarnation are found. */
const MARKER = 'BALSAM_INCARNATION';
/** Rounds over rows that somebody else has locked for a moment; what is left after them waits for the next look. */
const ROUNDS = 100;

export interface Rescued {
  launcher: string;
  jobs: number;
  by: 'silence' | 'proof' | 'tombstone';
}

/** One look at all other launchers. What can't be done now is done at the next look; only bugs are thrown. */
export async function rescueDead(db: Database, own: number, log: Logger): Promise<Rescued[]> {
  const rescued: Rescued[] = [];
  try {
    for (const candidate of await rescueCandidates(db, own, CHAIN.rescue)) {
      const by = await bury(db, candidate, own);
      if (by === null) continue;
      const jobs = await takeBack(db, candidate);
      if (by === 'tombstone' && jobs === 0) continue;
      log.warn(
        { dead: candidate.name, id: candidate.id, jobs, by, rule: 'PROTOCOL 4' },
        'rescued a dead launcher',
      );
      rescued.push({ launcher: candidate.name, jobs, by });
    }
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    log.warn({ error: messageOf(error), rule: 'PROTOCOL 4' }, 'the look for dead launchers was cut short');
  }
  return rescued;
}

/** The tombstone, if it is dead; by what, or null when it may live. */
async function bury(db: Database, c: Candidate, own: number): Promise<Rescued['by'] | null> {
  if (c.state === 'dead') return 'tombstone';
  // Of the silent, too, what is left here is ended: their guards may have been killed with them.
  const proven = await isProvenDead(await rosterOf(db, c.id));
  if (!proven && c.silent) return (await tombstone(db, c, CHAIN.rescue, false, own)) ? 'silence' : null;
  if (!proven) return null;
  return (await tombstone(db, c, CHAIN.rescue, true, own)) ? 'proof' : null;
}

/** None of them lives, we can judge all of them, and nothing that they started is left. */
async function isProvenDead(roster: readonly RosterMember[]): Promise<boolean> {
  if (roster.length === 0) return false;
  const uid = process.getuid?.();
  const dead = roster.every((m) => {
    const identity = {
      pid: m.pid,
      startTime: Number(m.start_time),
      bootId: m.boot_id,
      pidNamespace: m.pid_namespace,
      uid: m.uid,
    };
    return m.uid === uid && judgeProcess(identity) === 'dead';
  });
  if (!dead) return false;
  const incarnations = new Set(roster.map((m) => m.incarnation).filter((i) => i !== ''));
  for (const incarnation of incarnations) {
    const { left } = await endByMarker(MARKER, incarnation);
    if (left.length > 0) return false;
  }
  return true;
}

async function takeBack(db: Database, c: Candidate): Promise<number> {
  let jobs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const released = await releaseChunk(db, c);
    jobs += released;
    if (released === 0 && (await stillHeld(db, c.id)) === 0) break;
  }
  return jobs;
}
