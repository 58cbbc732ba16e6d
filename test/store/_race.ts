/**
 * Coordinators as the race test runs them: each leases and commits through the store, is killed with statements in flight
 * and followed by a successor, or left for dead and rescued. What they were told is written into a ledger; what the rows
 * really went through is written by a trigger of the test's own. The two are compared when all is over.
 */
import { connect, type Database, type DatabaseAddress } from '../../src/store/connection.ts';
import { commitBatch, type CommitAnswer, type CommitBatch } from '../../src/store/launcher/commit.ts';
import type { RowOutcome } from '../../src/store/commit-rows.ts';
import { WorldError } from '../../src/base/errors.ts';
import { epochFound, heartbeat, raiseEpoch } from '../../src/store/launcher/row.ts';
import { heldJobs, leaseJobs } from '../../src/store/launcher/lease.ts';
import { endSessions, releaseChunk, stillHeld, tombstone } from '../../src/store/launcher/rescue.ts';
import { end, newLauncher, patch, release, request, start } from './_store.ts';

/** Attempts after which a job is let end, so that the race does. */
const LAST_ATTEMPT = 4;
/** Rows of one lease or commit, at most: small, so that there are many. */
const BATCH = 20;

/** mulberry32: the same choices for the same seed; how they interleave is the machine's. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }
  chance(p: number): boolean {
    return this.unit() < p;
  }
}

/** What a coordinator was told of one report or release. */
export interface Told {
  kind: keyof Omit<CommitBatch, 'launcher' | 'epoch'>;
  id: string;
  attempt: number;
  report: number;
  outcome: RowOutcome | 'fenced' | 'unknown';
  row: CommitBatch['ends'][number] | null;
}

export class Ledger {
  readonly leases: { id: string; attempt: number; application: string }[] = [];
  /** Sessions whose lease was lost in flight. */
  readonly unknownLeases = new Set<string>();
  readonly told: Told[] = [];
  readonly wrong: string[] = [];
  takeovers = 0;
  rescues = 0;
  #report = 0;

  next(): number {
    return ++this.#report;
  }

  note(batch: CommitBatch, answer: CommitAnswer | null): void {
    for (const kind of ['starts', 'patches', 'ends', 'releases'] as const) {
      for (const [i, row] of batch[kind].entries()) {
        const outcome = answer === null ? 'unknown' : answer.fenced ? answer[kind][i]! : 'fenced';
        const { id, attempt } = row;
        const ended = kind === 'ends' ? batch.ends[i]! : null;
        this.told.push({
          kind,
          id,
          attempt,
          report: 'report' in row ? row.report : 0,
          outcome,
          row: ended,
        });
      }
    }
  }
}

interface Held {
  attempt: number;
  started: boolean;
}

/** One coordinator under one epoch. Its sessions are called `race LAUNCHER EPOCH`: the trigger compares. */
export class Racer {
  readonly launcher: number;
  readonly epoch: number;
  readonly #db: Database;
  readonly #dice: Dice;
  readonly #ledger: Ledger;
  readonly #held = new Map<string, Held>();
  readonly #killed: { id: string; attempt: number }[] = [];

  constructor(address: DatabaseAddress, launcher: number, epoch: number, dice: Dice, ledger: Ledger) {
    this.launcher = launcher;
    this.epoch = epoch;
    this.#dice = dice;
    this.#ledger = ledger;
    this.#db = connect(address, { applicationName: this.application, role: 'coordinator', max: 2 });
  }

  get application(): string {
    return `race ${this.launcher} ${this.epoch}`;
  }

  get db(): Database {
    return this.#db;
  }

  static async begin(address: DatabaseAddress, name: string, dice: Dice, ledger: Ledger): Promise<Racer> {
    await using db = connect(address, { applicationName: 'registrar', role: 'client', max: 1 });
    const { id, epoch } = await newLauncher(db, name);
    return new Racer(address, id, epoch, dice, ledger);
  }

  /** A lease and a commit at once, as a coordinator has them under way; false: fenced. */
  async step(): Promise<boolean> {
    const fenced = await Promise.all([this.lease(), this.commit(), this.#beat()]);
    return fenced.every(Boolean);
  }

  async #beat(): Promise<boolean> {
    return this.#dice.chance(0.1) ? heartbeat(this.#db, this.launcher, this.epoch) : true;
  }

  async lease(): Promise<boolean> {
    const dice = this.#dice;
    const shape = dice.below(4);
    const answer = await leaseJobs(
      this.#db,
      request(
        { db: this.#db, launcher: this.launcher, epoch: this.epoch },
        {
          limit: 1 + dice.below(BATCH),
          ...(shape === 1 ? { workflows: ['w0', 'w1', 'w2'] } : {}),
          ...(shape === 2 ? { order: 'serial' } : {}),
          ...(shape === 3 ? { workflows: ['w1'] } : {}),
        },
      ),
    );
    for (const { id, attempt } of answer.jobs) {
      this.#ledger.leases.push({ id, attempt, application: this.application });
      if (this.#held.has(id)) this.#ledger.wrong.push(`${this.application} leased ${id}, which it holds`);
      this.#held.set(id, { attempt, started: false });
    }
    return answer.fenced;
  }

  async commit(): Promise<boolean> {
    const batch = this.#batch();
    let answer: CommitAnswer | null = null;
    try {
      answer = await commitBatch(this.#db, batch);
      this.#ledger.note(batch, answer);
      if (!answer.fenced) return false;
      this.#believe(batch, answer);
      if (this.#dice.chance(0.15)) await this.#again(batch);
    } catch (error) {
      if (answer === null) this.#ledger.note(batch, null);
      throw error;
    }
    return true;
  }

  /** The answer was lost, it believes: the same once more must change nothing. */
  async #again(batch: CommitBatch): Promise<void> {
    const answer = await commitBatch(this.#db, batch);
    if (!answer.fenced) return;
    for (const kind of ['starts', 'patches', 'ends', 'releases'] as const)
      for (const outcome of answer[kind])
        if (outcome === 'applied' || outcome === 'rejected')
          this.#ledger.wrong.push(`the second time a row of ${kind} was ${outcome}`);
  }

  /** Some of what it holds: starts, patches, ends, releases, in no order. */
  #batch(): CommitBatch {
    const dice = this.#dice;
    const rows: CommitBatch = {
      launcher: this.launcher,
      epoch: this.epoch,
      starts: [],
      patches: [],
      ends: [],
      releases: [],
    };
    for (const [id, { attempt, started }] of this.#held) {
      if (rows.starts.length + rows.ends.length + rows.releases.length >= BATCH) break;
      if (dice.chance(0.3)) continue;
      const job = { id, attempt };
      if (dice.chance(0.3)) {
        const report = this.#ledger.next();
        rows.patches.push(patch(job, report, { [`p${report}`]: true }));
      }
      const last = attempt >= LAST_ATTEMPT;
      const choice = dice.unit();
      if (choice < 0.3 && !started) rows.starts.push(start(job, this.#ledger.next()));
      else if (choice < 0.8) rows.ends.push(this.#end(job, last));
      else if (!last) rows.releases.push(this.#release(job, started));
    }
    return rows;
  }

  #end(job: { id: string; attempt: number }, last: boolean): CommitBatch['ends'][number] {
    const dice = this.#dice;
    const choice = dice.unit();
    if (!last && choice < 0.25)
      return end(job, this.#ledger.next(), { outcome: 'RUN_TIMEOUT', state: 'RESTART_READY' });
    if (choice < 0.4) return end(job, this.#ledger.next(), { outcome: 'RUN_ERROR', state: 'FAILED' });
    return end(job, this.#ledger.next());
  }

  #release(job: { id: string; attempt: number }, started: boolean): CommitBatch['releases'][number] {
    if (!started && this.#dice.chance(0.5)) return release(job, { message: 'given back' });
    const message = 'may have started in the race';
    const lost = { outcome: 'RUN_TIMEOUT', message, lostEnd: true, countTry: true } as const;
    return release(job, { to: this.#dice.chance(0.8) ? 'RESTART_READY' : 'FAILED', ...lost });
  }

  #believe(batch: CommitBatch, answer: CommitAnswer): void {
    for (const [i, { id }] of batch.starts.entries()) {
      const held = this.#held.get(id);
      if (held && answer.starts[i] === 'applied') held.started = true;
    }
    for (const { id } of [...batch.ends, ...batch.releases]) this.#held.delete(id);
    // A killed job whose start came too late is let go by a release, as by a coordinator that never sent it.
    for (const [i, { id, attempt }] of batch.starts.entries()) {
      if (answer.starts[i] === 'killed') this.#killed.push({ id, attempt });
      if (answer.starts[i] !== 'applied') this.#held.delete(id);
    }
  }

  /** Ends everything that it holds; for when the race is over. */
  async finish(): Promise<boolean> {
    const ends = [...this.#held].map(([id, { attempt }]) => end({ id, attempt }, this.#ledger.next()));
    const releases = this.#killed.splice(0).map((job) => release(job));
    const batch: CommitBatch = {
      launcher: this.launcher,
      epoch: this.epoch,
      starts: [],
      patches: [],
      ends,
      releases,
    };
    const answer = await commitBatch(this.#db, batch);
    this.#ledger.note(batch, answer);
    this.#held.clear();
    return answer.fenced;
  }

  /** Dies with a lease and a commit in flight. Their answers come, but nobody acts on them. */
  die(): Promise<void> {
    const inFlight = [this.lease(), this.commit()];
    const calm = async (work: Promise<unknown>, lost: () => void): Promise<void> => {
      try {
        await work;
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
        lost();
      }
    };
    return Promise.all([
      calm(inFlight[0]!, () => this.#ledger.unknownLeases.add(this.application)),
      calm(inFlight[1]!, () => {}),
    ]).then(() => this.#db.close());
  }

  /** The successor's side: null when the launcher was declared dead first. */
  async succeed(address: DatabaseAddress): Promise<Racer | null> {
    const next = new Racer(address, this.launcher, this.epoch + 1, this.#dice, this.#ledger);
    if (this.#dice.chance(0.5)) await endSessions(next.#db, `race ${this.launcher} `, next.application);
    const found = await epochFound(next.#db, this.launcher);
    const raised = found === null ? null : await raiseEpoch(next.#db, this.launcher, found);
    if (raised === null) {
      await next.#db.close();
      return null;
    }
    if (raised !== next.epoch) this.#ledger.wrong.push(`raised to ${raised} instead of ${next.epoch}`);
    for (const { id, attempt, state } of await heldJobs(next.#db, this.launcher)) {
      if (state === 'USER_KILLED') next.#killed.push({ id, attempt });
      else next.#held.set(id, { attempt, started: state === 'RUNNING' });
    }
    return next;
  }
}

/** Buries the launcher and takes back what it held; false: it lives under another epoch, or somebody else has buried it. */
export async function rescue(db: Database, of: { launcher: number; epoch: number }): Promise<boolean> {
  if (!(await tombstone(db, { id: of.launcher, epoch: of.epoch }, 180_000, true))) return false;
  while ((await stillHeld(db, of.launcher)) > 0) await releaseChunk(db, { id: of.launcher });
  return true;
}

/** Writes down every change of a job beside the launcher's row as it is at that moment. */
export const AUDIT = `
  create table audit (application text, job uuid, was_launcher int, launcher int, was_attempt int, attempt int,
    was_state text, state text, epoch int, launcher_state text);
  create function audit() returns trigger language plpgsql as $$
    declare l launcher;
    begin
      select * into l from launcher where id = coalesce(new.launcher, old.launcher);
      insert into audit values (current_setting('application_name'), new.id, old.launcher, new.launcher, old.attempt,
        new.attempt, old.state, new.state, l.epoch, l.state);
      return null;
    end $$;
  create trigger audit after update on job for each row execute function audit()`;
