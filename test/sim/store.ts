/**
 * The database of a simulated world: the functions of src/store, as programs on tables that keep PROTOCOL 1, 2, 4 and 7.
 * A client runs them on the server, where they take their time.
 *
 * Every write is checked against the table of states, and at its commit against who may write: nobody but the newest
 * coordinator of a living launcher, and nobody frees a row whose process lives.
 */
import type { CommitRows, LauncherNote, LeasedJob, RowOutcomes } from '../../src/core/coordinator/batch.ts';
import { WorldError } from '../../src/base/errors.ts';
import { leasedJob } from '../core/support/jobs.ts';
import { Call } from './call.ts';
import { Client, send, type PoolName, type Program, type Script } from './client.ts';
import { commit } from './commit-rows.ts';
import * as jobs from './job-rows.ts';
import * as launchers from './launcher-rows.ts';
import type { Candidate } from './launcher-rows.ts';
import { Transaction } from './rows.ts';
import { Server, type StoreWeather } from './server.ts';
import { HONEST, reading, Tables, type Fence, type Member, type Rules } from './tables.ts';
import type { World } from './world.ts';

export type { Candidate, Fence, Member };

/** Between two tries of a user whose kill did not come through, milliseconds. */
const USER_RETRY_MS = 1_000;

export class Store extends Server {
  readonly tables: Tables;
  /** Somebody at a terminal, whose statements have no deadline. */
  readonly #user: Client;

  constructor(
    world: World,
    weather: StoreWeather,
    rules: Partial<Rules>,
    freed: (id: string, attempt: number, by: string) => void,
  ) {
    super(world, weather);
    this.tables = new Tables(world, { ...HONEST, ...rules }, () => this.clock(), freed);
    this.#user = new Client('user', 0, 0, { awayUntil: 0 }, false);
  }

  /** Runs a program as a client sees it; `answer` gets the result, or the WorldError. */
  run<T>(
    client: Client,
    program: Program<T>,
    answer: (result: T | WorldError) => void,
    pool: PoolName = 'work',
  ): void {
    client.pools[pool].enter(new Call(this, client, pool, program, answer));
  }

  // --- as everybody sees it now ---

  get jobs(): Tables['jobs'] {
    return this.tables.jobs;
  }

  get attempts(): Tables['attempts'] {
    return this.tables.attempts;
  }

  get launchers(): Tables['launchers'] {
    return this.tables.launchers;
  }

  // --- of users ---

  create(id: string, over: Partial<LeasedJob>): void {
    const tx = new Transaction('user');
    const counts = { attempt: 0, tries: 0, lostEnds: 0 };
    const job = { job: leasedJob(id, over), state: 'CREATED', launcher: null, data: new Map() } as const;
    const s = this.transactions.statement(tx);
    s.upsert(this.jobs.row(id), () => ({ ...job, ...counts })).next();
    this.transactions.ended(s);
    this.transactions.commit(tx);
  }

  /** A user's kill, sent until it is done. */
  kill(...ids: string[]): void {
    this.run(this.#user, { repeats: true, work: jobs.kill(this.tables, ids) }, (result) => {
      if (result instanceof WorldError) this.world.after(USER_RETRY_MS, () => this.kill(...ids));
    });
  }

  /** A kill in a user's transaction that stays open: whoever wants these rows waits. */
  killSlowly(ids: readonly string[], ms: number): void {
    const client = new Client('slow user', 0, 0, { awayUntil: 0 }, false);
    const { tables } = this;
    const script = (): Script<string[]> => send(jobs.kill(tables, ids));
    this.run(client, { repeats: true, transaction: true, script }, () => {});
    client.stalledUntil = this.world.now + ms;
  }

  /** By hand (psql), past the guards; sent once. */
  remove(id: string): void {
    this.run(this.#user, { work: jobs.remove(this.tables, id) }, () => undefined);
  }

  // --- of coordinators ---

  /** A repeat finds the row of this name. */
  register(name: string, by: Client): Program<{ id: number; epoch: number }> {
    const { tables } = this;
    return {
      transaction: false,
      *script() {
        const id = yield* send(launchers.insertLauncher(tables, name, by));
        if (id !== null) return { id, epoch: 1 };
        return (yield* send(launchers.launcherOfName(tables, name)))!;
      },
    };
  }

  heartbeat(f: Fence): Program<boolean> {
    return { work: launchers.heartbeat(this.tables, f) };
  }

  epochFound(launcher: number): Program<number | null> {
    return { work: launchers.epochFound(this.tables, launcher) };
  }

  raise(f: Fence, by: Client): Program<number | null> {
    return { work: launchers.raise(this.tables, f, by) };
  }

  leave(f: Fence): Program<boolean> {
    return { work: launchers.leave(this.tables, f) };
  }

  enrol(f: Fence, by: Client, members: readonly Member[]): Program<boolean> {
    return { work: launchers.enrol(this.tables, f, by, members) };
  }

  roster(launcher: number): Program<Member[]> {
    return { work: launchers.roster(this.tables, launcher) };
  }

  livingIncarnations(launcher: number): Program<string[]> {
    return { work: launchers.livingIncarnations(this.tables, launcher) };
  }

  drainedNodes(launcher: number): Program<{ node: number; reason: string }[]> {
    return { work: launchers.drainedNodes(this.tables, launcher) };
  }

  record(
    f: Fence,
    by: Client,
    source: number,
    notes: readonly LauncherNote[],
    ended: readonly string[],
  ): Program<boolean> {
    return { work: launchers.record(this.tables, f, by, source, notes, ended) };
  }

  held(launcher: number): Program<jobs.Held[]> {
    return { work: jobs.held(this.tables, launcher) };
  }

  killed(launcher: number): Program<{ id: string; attempt: number }[]> {
    return { work: jobs.killed(this.tables, launcher) };
  }

  /** null: the fence is not there. */
  lease(f: Fence, by: Client, limit: number, maxNodes: number): Program<LeasedJob[] | null> {
    const { tables } = this;
    return {
      transaction: false,
      *script() {
        const taken = yield* send(jobs.lease(tables, f, by, limit, maxNodes));
        if (taken.length > 0) return taken;
        return (yield* send(jobs.isFenced(tables, f))) ? taken : null;
      },
    };
  }

  /** null: the fence is not there. */
  commit(f: Fence, by: Client, rows: CommitRows): Program<RowOutcomes | null> {
    return commit(this.tables, f, by, rows);
  }

  /** What the clients of a launcher have under way is told to end; the statement itself has no rows. */
  terminate(launcher: number, but: Client): Program<number> {
    return { work: reading(() => this.endSessions(launcher, but)) };
  }

  // --- rescue ---

  candidates(own: number, rescueMs: number): Program<Candidate[]> {
    return { work: launchers.candidates(this.tables, own, rescueMs) };
  }

  tombstone(c: Candidate, rescueMs: number, proven: boolean): Program<boolean> {
    return { work: launchers.tombstone(this.tables, c, rescueMs, proven) };
  }

  releaseChunk(launcher: number): Program<number> {
    return { work: launchers.releaseChunk(this.tables, launcher) };
  }

  stillHeld(launcher: number): Program<number> {
    return { work: launchers.stillHeld(this.tables, launcher) };
  }
}
