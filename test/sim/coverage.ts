/**
 * Which steps of the tables (states of jobs, phases of the cores) the runs took. All must be taken but those that are named
 * here with the reason why no run can; one of these that is taken all the same is a fault of the list.
 */
import { AGENT_TABLES } from '../../src/core/agent/phases.ts';
import { COORDINATOR_TABLES } from '../../src/core/coordinator/phases.ts';
import { TRANSITIONS } from '../../src/model/job.ts';

/** Reason → steps. */
const NOT_TAKEN: Record<string, readonly string[]> = {
  'jobs with parents are not simulated: nothing releases them yet': [
    'job CREATED→AWAITING_PARENTS',
    'job AWAITING_PARENTS→READY',
    'job AWAITING_PARENTS→FAILED',
    'job AWAITING_PARENTS→USER_KILLED',
  ],
  'a lease takes a job to PREPROCESSED before its launcher can refuse it': ['job CREATED→FAILED'],
  'staging and scripts do not exist yet': [
    'job READY→FAILED',
    'job STAGED_IN→FAILED',
    'job RUN_DONE→FAILED',
    'job POSTPROCESSED→FAILED',
  ],
  'handlers of errors and timeouts do not exist yet': [
    'job RUN_ERROR→RESTART_READY',
    'job RUN_ERROR→JOB_FINISHED',
    'job RUN_TIMEOUT→JOB_FINISHED',
  ],
  'nobody puts a job into a state by hand here: to a launcher it is a job like any other then': [
    'job FAILED→RESTART_READY',
    'job JOB_FINISHED→RESTART_READY',
  ],
  'the state is passed within one statement: nobody finds a job in it to kill': [
    'job READY→USER_KILLED',
    'job STAGED_IN→USER_KILLED',
    'job RUN_DONE→USER_KILLED',
    'job POSTPROCESSED→USER_KILLED',
    'job RUN_TIMEOUT→USER_KILLED',
    'job RUN_ERROR→USER_KILLED',
  ],
};

/** Below this number of seeds a step is worth a line. */
const RARE = 10;

export class Coverage {
  readonly #seeds = new Map<string, number>();
  readonly #excused = new Set(Object.values(NOT_TAKEN).flat());

  constructor() {
    for (const t of [...AGENT_TABLES, ...COORDINATOR_TABLES])
      for (const name of t.names()) this.#seeds.set(name, 0);
    for (const { from, to } of TRANSITIONS) this.#seeds.set(`job ${from}→${to}`, 0);
  }

  /** The steps of one run. Throws for one that is in no table. */
  add(trail: ReadonlySet<string>): void {
    for (const name of trail) {
      const n = this.#seeds.get(name);
      if (n === undefined) throw new Error(`the step ${name} is in no table`);
      this.#seeds.set(name, n + 1);
    }
  }

  /** Steps that should have been taken and were not. */
  missing(): string[] {
    return this.#where((name, n) => n === 0 && !this.#excused.has(name));
  }

  /** Names of the list that are taken, or that no table has. */
  rotten(): string[] {
    const unknown = [...this.#excused].filter((name) => !this.#seeds.has(name));
    return [...unknown, ...this.#where((name, n) => n > 0 && this.#excused.has(name))];
  }

  /** Taken in few seeds only. */
  rare(): string[] {
    return this.#where((_, n) => n > 0 && n < RARE).map((name) => `${name} in ${this.#seeds.get(name)}`);
  }

  summary(): string {
    const taken = this.#where((_, n) => n > 0).length;
    return `${taken} of ${this.#seeds.size} steps taken, ${this.#excused.size} excused`;
  }

  #where(is: (name: string, seeds: number) => boolean): string[] {
    return [...this.#seeds].filter(([name, n]) => is(name, n)).map(([name]) => name);
  }
}
