/**
 * Performs what the coordinator's core asks for: sends, leases, commits, the roster, the raise of the epoch, leaving. Each
 * effect ends in an event for the core; a failure of the world becomes one too, and a bug is thrown.
 */
import { systemClock } from '../base/clock.ts';
import { WorldError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Refusals } from '../base/refusals.ts';
import type { AppFacts, CoordinatorEffect, CoordinatorEvent } from '../core/coordinator/event.ts';
import type { LauncherNote, LeasedJob } from '../core/coordinator/batch.ts';
import { leftOverOf, type Fits, type LeftOver } from '../model/last-words.ts';
import { PROTOCOL_VERSION, type Body, type Join, type ProcessIdentity } from '../core/messages.ts';
import { commitBatch } from '../store/launcher/commit.ts';
import type { Database } from '../store/connection.ts';
import { leftFacts } from '../store/launcher/left.ts';
import { addRoster, leave, raiseEpoch } from '../store/launcher/row.ts';
import { recordNotes } from '../store/launcher/events.ts';
import { countRunnable, heldJobs, leaseJobs, matchWorkflows } from '../store/launcher/lease.ts';
import type { RosterMember } from '../store/rows.ts';
import { encodeEnvelope } from '../wire/codec.ts';
import type { RouterLink } from '../wire/router-link.ts';
import { factsOf } from './applications.ts';
import type { CoordinatorFile } from '../launcher/coordinator-file.ts';
import { answerRequests } from './requests.ts';

/** How the core ends. */
export type CoordinatorEnd = Omit<Extract<CoordinatorEffect, { kind: 'end' }>, 'kind'>;

/** What is left is looked for so long at a launcher's end, milliseconds: it must not hold up its leaving. */
const LEFT_LOOK_MS = 3_000;

export interface PerformerOptions {
  file: CoordinatorFile;
  launcher: number;
  work: Database;
  link: RouterLink;
  epoch: () => number;
  /** The epoch in which this coordinator began. */
  source: number;
  post: (event: CoordinatorEvent) => void;
  end: (end: CoordinatorEnd) => void;
  /** No agent has ever taken work. */
  onNoAgent: (seconds: number) => void;
  /** The database does not do what is asked, and why; null when it does again. */
  onAway: (why: string | null) => void;
  log: Logger;
  refusals: Refusals;
}

export class Performer {
  readonly #o: PerformerOptions;
  /** The database has not done what was asked since this was said. */
  #away = false;

  constructor(options: PerformerOptions) {
    this.#o = options;
  }

  perform(e: CoordinatorEffect): void {
    switch (e.kind) {
      case 'send':
        return this.#send(e.incarnation, e.body);
      case 'lease':
        return this.#run(this.#lease(e), {
          fail: (why) => ({ kind: 'lease-failed', why }),
          unknown: (why) => ({ kind: 'outcome-unknown', lost: 'lease', why }),
        });
      case 'commit':
        return this.#run(this.#commit(e), {
          fail: (why) => ({ kind: 'commit-failed', why }),
          unknown: (why) => ({ kind: 'outcome-unknown', lost: 'commit', why }),
        });
      case 'enrol': {
        const fail = (): CoordinatorEvent => ({ kind: 'enrol-failed', incarnation: e.incarnation });
        return this.#run(this.#enrol(e.incarnation, e.join), { fail, unknown: fail });
      }
      case 'record': {
        const fail = (): CoordinatorEvent => ({ kind: 'record-failed' });
        return this.#run(this.#record(e), { fail, unknown: fail });
      }
      case 'raise':
        return this.#run(this.#raise(), {
          fail: () => ({ kind: 'raise-failed' }),
          unknown: () => ({ kind: 'raise-failed' }),
        });
      case 'leave-row':
        return this.#run(this.#leave(e), {
          fail: () => ({ kind: 'left', over: null }),
          unknown: () => ({ kind: 'left', over: null }),
        });
      case 'end':
        return this.#o.end({ code: e.code, reason: e.reason, failed: e.failed, over: e.over });
      case 'no-agent':
        return this.#o.onNoAgent(e.seconds);
      case 'refused':
        return this.#o.refusals.note('refused a message', { incarnation: e.incarnation, rule: e.rule });
      case 'log':
        if (e.often === true) return this.#o.refusals.note(e.text, e.fields);
        return this.#o.log[e.level](e.fields, e.text);
    }
  }

  /** Runnable jobs of our filter that nobody holds, counted up to `limit`; null when the database does not answer. */
  async countRunnable(limit: number): Promise<number | null> {
    try {
      const workflows = await this.#workflows();
      return workflows?.length === 0 ? 0 : await countRunnable(this.#o.work, workflows, limit);
    } catch (error) {
      if (error instanceof WorldError) return null;
      throw error;
    }
  }

  /** What of our jobs is left, and why; null when the database does not say so in time. */
  async leftOver(fits: Fits): Promise<LeftOver | null> {
    const { file, launcher, work } = this.#o;
    const late = Promise.withResolvers<null>();
    const timer = setTimeout(() => late.resolve(null), LEFT_LOOK_MS);
    const look = async (): Promise<LeftOver | null> => {
      try {
        const { owner, ...facts } = await leftFacts(work, {
          wfFilter: file.wfFilter,
          workflows: await this.#workflows(),
          serialOnly: file.mode === 'serial',
          anyOwner: file.anyOwner,
          fits,
        });
        return leftOverOf(facts, { launcher, wfFilter: file.wfFilter, owner, fits });
      } catch (error) {
        if (error instanceof WorldError) return null;
        throw error;
      }
    };
    try {
      return await Promise.race([look(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** `on` makes the event of a failure from its sentence. */
  #run(
    work: Promise<CoordinatorEvent>,
    on: { fail: (why: string) => CoordinatorEvent; unknown: (why: string) => CoordinatorEvent },
  ): void {
    const answered = (event: CoordinatorEvent): void => {
      if (this.#away) {
        this.#o.log.info({ rule: 'PROTOCOL 7' }, 'the database answers again');
        this.#o.onAway(null);
      }
      this.#away = false;
      this.#o.post(event);
    };
    work.then(answered).catch((error: unknown) => {
      if (!(error instanceof WorldError)) throw error;
      // Said once: an outage of an hour is one line, not thousands.
      if (!this.#away || error.code !== 'unavailable') {
        const fields = { error: messageOf(error), code: error.code, rule: 'PROTOCOL 7' };
        this.#o.log.warn(fields, 'the database did not do what was asked');
      }
      if (!this.#away && error.code !== 'fenced') this.#o.onAway(messageOf(error));
      this.#away = true;
      if (error.code === 'fenced') return this.#o.post({ kind: 'fenced' });
      if (error.code === 'wrong-server') throw error;
      const event = error.code === 'outcome-unknown' ? on.unknown : on.fail;
      this.#o.post(event(messageOf(error)));
    });
  }

  #send(incarnation: string, body: Body): void {
    const bytes = encodeEnvelope({
      version: PROTOCOL_VERSION,
      launcher: this.#o.launcher,
      epoch: this.#o.epoch(),
      incarnation,
      ...body,
    });
    // What does not leave now leaves again: the streams are resent until they are acknowledged.
    this.#o.link.send(incarnation, bytes).catch(() => undefined);
  }

  /** Workflows that match the filter; null for all. */
  async #workflows(): Promise<string[] | null> {
    const { wfFilter } = this.#o.file;
    return wfFilter === '' ? null : matchWorkflows(this.#o.work, wfFilter);
  }

  async #lease(e: Extract<CoordinatorEffect, { kind: 'lease' }>): Promise<CoordinatorEvent> {
    const { file, work, launcher } = this.#o;
    const workflows = await this.#workflows();
    if (workflows?.length === 0) return { kind: 'leased', asked: e.limit, jobs: [], apps: new Map() };
    const { fenced, jobs } = await leaseJobs(work, {
      launcher,
      epoch: this.#o.epoch(),
      limit: e.limit,
      maxNodes: e.maxNodes,
      maxWallMinutes: e.maxWallMinutes,
      order: file.mode === 'serial' ? 'serial' : 'mpi',
      serialOnly: file.mode === 'serial',
      workflows,
      anyOwner: file.anyOwner,
    });
    if (!fenced) throw new WorldError('fenced', 'the launcher row is not ours any more');
    return { kind: 'leased', asked: e.limit, jobs, apps: await this.#factsOfLeased(jobs) };
  }

  /** These are ours by now: whoever hears that nothing was leased would hold them for ever. A raise finds them. */
  async #factsOfLeased(jobs: readonly LeasedJob[]): Promise<Map<string, AppFacts | null>> {
    try {
      return await factsOf(this.#o.work, jobs);
    } catch (error) {
      if (!(error instanceof WorldError) || error.code !== 'unavailable') throw error;
      const why = `${jobs.length} jobs are leased, and their applications can't be read: ${error.message}`;
      throw new WorldError('outcome-unknown', why, error);
    }
  }

  async #commit(e: Extract<CoordinatorEffect, { kind: 'commit' }>): Promise<CoordinatorEvent> {
    const { work, launcher } = this.#o;
    const { rows } = e;
    const none = { fenced: true, starts: [], patches: [], ends: [], releases: [] };
    const some = rows.starts.length + rows.patches.length + rows.ends.length + rows.releases.length > 0;
    const { fenced, ...outcomes } = some
      ? await commitBatch(work, { launcher, epoch: this.#o.epoch(), ...rows })
      : none;
    if (!fenced) throw new WorldError('fenced', 'the launcher row is not ours any more');
    const answers = e.requests.length > 0 ? await answerRequests(work, e.requests) : [];
    return { kind: 'committed', outcomes, answers };
  }

  async #enrol(incarnation: string, join: Join): Promise<CoordinatorEvent> {
    const member = (kind: RosterMember['kind'], p: ProcessIdentity | null | undefined): RosterMember[] =>
      p
        ? [
            {
              kind,
              host: join.hostname,
              boot_id: p.bootId,
              pid_namespace: p.pidNamespace,
              uid: p.uid,
              pid: p.pid,
              start_time: String(p.startTime),
              node: String(join.node),
              incarnation,
            },
          ]
        : [];
    const members = [...member('agent', join.agent), ...member('guard', join.guard)];
    // Who is not on the roster must not get work: proof of death would not count it. Whether the row is lost, or only our
    // own raise came between, the next statement tells.
    const added = await addRoster(this.#o.work, this.#o.launcher, this.#o.epoch(), members);
    return { kind: added ? 'enrolled' : 'enrol-failed', incarnation };
  }

  async #record(e: Extract<CoordinatorEffect, { kind: 'record' }>): Promise<CoordinatorEvent> {
    const { work, launcher, source } = this.#o;
    const { notes, ended } = e;
    // Without its fence it is not done: an own raise may have overtaken it. Whether the row is ours others find out.
    const done = await recordNotes(work, { launcher, epoch: this.#o.epoch(), source, notes, ended });
    return { kind: done ? 'recorded' : 'record-failed' };
  }

  async #raise(): Promise<CoordinatorEvent> {
    const epoch = await raiseEpoch(this.#o.work, this.#o.launcher, this.#o.epoch());
    if (epoch === null) throw new WorldError('fenced', 'the launcher row is not ours any more');
    const held = await heldJobs(this.#o.work, this.#o.launcher);
    return { kind: 'raised', epoch, held, apps: await factsOf(this.#o.work, held) };
  }

  async #leave(e: Extract<CoordinatorEffect, { kind: 'leave-row' }>): Promise<CoordinatorEvent> {
    const { work, launcher, source } = this.#o;
    const epoch = this.#o.epoch();
    const over = await this.leftOver(e.fits);
    const notes: LauncherNote[] = [...e.notes];
    if (over !== null && over.text !== '')
      notes.push({
        number: e.number,
        at: systemClock.wall(),
        kind: 'left-over',
        node: null,
        host: '',
        message: over.text,
      });
    try {
      await recordNotes(work, { launcher, epoch, source, notes, ended: [] });
    } catch (error) {
      // Rather without its last notes than as a launcher that seems to live until it is rescued.
      if (!(error instanceof WorldError)) throw error;
    }
    await leave(work, launcher, epoch, e.fits);
    return { kind: 'left', over };
  }
}
