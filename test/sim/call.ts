/**
 * One program of a client under way: each of its statements is a round trip, and between two of them the client may stand
 * still, be cut off or die. It ends with its answer, or that nothing was done, or that nobody knows (PROTOCOL 7).
 */
import { WorldError } from '../../src/base/errors.ts';
import { STATEMENT_DEADLINE_MS } from '../../src/base/limits.ts';
import {
  Rollback,
  type Client,
  type Pool,
  type PoolName,
  type Program,
  type Script,
  type Turn,
} from './client.ts';
import type { Work } from './rows.ts';
import type { Heard, Server, Session, Travel } from './server.ts';

const UNKNOWN = new WorldError('outcome-unknown', 'connection lost');
const UNAVAILABLE = new WorldError('unavailable', 'nothing was done');

/** One program under way. */
export class Call<T> implements Turn {
  readonly #server: Server;
  readonly #client: Client;
  readonly #pool: Pool;
  readonly #program: Program<T>;
  readonly #answer: (result: T | WorldError) => void;
  #script: Script<T> | null = null;
  readonly #session: Session;
  deadline = Infinity;
  #sent = 0;
  #over = false;

  constructor(
    server: Server,
    client: Client,
    pool: PoolName,
    program: Program<T>,
    answer: (result: T | WorldError) => void,
  ) {
    this.#server = server;
    this.#client = client;
    this.#pool = client.pools[pool];
    this.#program = program;
    this.#answer = answer;
    this.#session = server.connect(client);
  }

  begin(): void {
    const { world } = this.#server;
    const { isDead, stalledUntil } = this.#client;
    if (isDead || this.#over) return;
    if (world.now < stalledUntil) return world.at(stalledUntil, () => this.begin());
    if (this.#client.hasDeadline) {
      this.deadline = world.now + STATEMENT_DEADLINE_MS;
      this.#pool.watch(world);
    }
    this.#run();
  }

  #run(): void {
    const program = this.#program;
    if ('work' in program) return this.#send(program.work, (result) => this.#finish(result as T));
    this.#script = program.script();
    this.#next(undefined);
  }

  lose(): void {
    this.#finish(UNKNOWN);
    this.#session.hangUp();
  }

  get #isTransaction(): boolean {
    return 'transaction' in this.#program && this.#program.transaction;
  }

  #next(value: unknown): void {
    const step = this.#script!.next(value);
    if (!step.done) return this.#send(step.value, (result) => this.#next(result));
    const { value: result } = step;
    const told = result instanceof Rollback ? result.value : result;
    if (!this.#isTransaction || this.#sent === 0) return this.#finish(told);
    this.#send(result instanceof Rollback ? 'rollback' : 'commit', () => this.#finish(told));
  }

  #send(request: Work<unknown> | 'commit' | 'rollback', then: (result: unknown) => void): void {
    const { world: w, weather } = this.#server;
    const first = this.#sent++ === 0;
    const latency = w.between(0.3, 3);
    if (w.now < Math.max(this.#server.awayUntil, this.#client.awayUntil) || w.chance() < weather.failed) {
      this.#session.hangUp();
      w.after(latency, () => this.#finish(first || !this.#inFlight() ? UNAVAILABLE : UNKNOWN));
      return;
    }
    const autocommit = !this.#isTransaction;
    if (w.chance() < weather.unknown) return this.#lost(request, latency, autocommit);
    const travel = { begin: latency / 2, takes: latency / 2, slow: 0 };
    if (w.chance() < weather.slow) travel.slow = w.between(latency, this.#server.timeout);
    this.#session.receive(request, autocommit, travel, (heard) =>
      w.after(w.between(0.1, 2), () => this.#heard(heard, then)),
    );
  }

  /** Of several statements each for itself, what fails between two is told as not done, or as unknown. */
  #inFlight(): boolean {
    return this.#isTransaction || this.#server.world.chance() < 0.5;
  }

  /** A client that stands still hears nothing, and its deadlines come first when it goes on. */
  #heard(heard: Heard, then: (result: unknown) => void): void {
    const { world: w } = this.#server;
    if (this.#over) return;
    if (this.#client.isDead) return this.#session.hangUp();
    const { stalledUntil } = this.#client;
    if (w.now < stalledUntil) {
      this.#session.standsStill(stalledUntil);
      w.at(stalledUntil, () => this.#heard(heard, then));
      return;
    }
    if (heard === 'deadlock') {
      w.check(
        this.#program.repeats ?? false,
        `${this.#client.name} is undone by a deadlock and does not repeat it`,
      );
      return this.#run();
    }
    if (heard === 'cancelled') return this.#finish(UNAVAILABLE);
    if (heard === 'broken' || this.#session.isOver) return this.#finish(UNKNOWN);
    then(heard.value);
  }

  /** The connection is lost with the request in flight: its fate is chosen now, and the client does not hear it. */
  #lost(request: Work<unknown> | 'commit' | 'rollback', latency: number, autocommit: boolean): void {
    const { world: w, timeout } = this.#server;
    const fate = w.chance();
    const travel: Travel = { begin: latency / 2, takes: latency / 2, slow: 0 };
    if (fate >= 0.3 && fate < 0.55) travel.begin = w.between(0, 2.5 * STATEMENT_DEADLINE_MS);
    if (fate >= 0.3 && fate < 0.75) travel.slow = w.between(latency, timeout);
    // It goes on until the server gives it up, and holds what it has locked meanwhile.
    if (fate >= 0.75 && fate < 0.85) travel.slow = this.#client.hasDeadline ? Infinity : timeout;
    if (fate < 0.85) this.#session.receive(request, autocommit, travel, () => undefined);
    if (w.chance() < 0.5) this.#session.hangUp();
    else this.#session.fallsSilent();
    const known = w.chance() < 0.7 ? w.between(latency, 50) : w.between(latency, STATEMENT_DEADLINE_MS);
    w.after(known, () => this.#finish(UNKNOWN));
  }

  #finish(result: T | WorldError): void {
    if (this.#over) return;
    this.#over = true;
    this.#session.close();
    this.#pool.leave(this);
    this.#answer(result);
  }
}
