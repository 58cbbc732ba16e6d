/**
 * What `watch` sees at one look: jobs of each workflow by group, what runs, the launchers alive and their troubles, the
 * last failures. Questions whose answer cannot have changed are not asked again.
 */
import { WATCH_FAILURES, WATCH_LAUNCHERS, WATCH_RUNNING } from '../../base/client-limits.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { isEnd } from '../../model/job.ts';
import type { JobState } from '../../model/job.ts';
import { all, EVERYTHING, field } from '../../model/query.ts';
import type { Condition } from '../../model/query.ts';
import { history } from '../../store/history/lines.ts';
import { launcherEvents } from '../../store/launcher/events.ts';
import { listLaunchers } from '../../store/launcher/row.ts';
import { countByWorkflow, listJobs, runningJobs } from '../../store/jobs/list.ts';
import type { RunningJob } from '../../store/jobs/list.ts';
import { troublesOf } from '../commands/launchers.ts';
import { Rate } from '../output/progress.ts';
import type { Counts } from '../output/progress.ts';

export interface WorkflowSeen extends Counts {
  readonly workflow: string;
  /** Ends a second of late; null until something ended. */
  readonly rate: number | null;
  readonly seconds_left: number | null;
}

export interface LauncherSeen {
  readonly id: number;
  readonly host: string;
  readonly nodes: number;
  readonly nodes_alive: number | null;
  readonly held: number;
  readonly troubles: readonly string[];
}

export interface FailureSeen {
  readonly job_id: string;
  readonly name: string;
  readonly workflow: string;
  readonly at: Date;
  readonly reason: string;
}

export interface Seen {
  readonly workflows: readonly WorkflowSeen[];
  readonly running: readonly RunningJob[];
  readonly launchers: readonly LauncherSeen[];
  /** The newest first. */
  readonly failures: readonly FailureSeen[];
}

export class Observer {
  readonly #db: OpenDatabase;
  readonly #within: Condition;
  readonly #rates = new Map<string, Rate>();
  #failed = 0;
  #failures: FailureSeen[] = [];

  /** `part`: only workflows that contain it. */
  constructor(db: OpenDatabase, part: string | undefined) {
    this.#db = db;
    this.#within = part === undefined ? EVERYTHING : field('workflow', 'contains', part);
  }

  async look(): Promise<Seen> {
    const counted = await countByWorkflow(this.#db, this.#within);
    const now = performance.now();
    const workflows = [...counted].map(([name, states]) => this.#workflow(name, countsOf(states), now));
    const some = workflows.some((one) => one.running > 0);
    const failed = workflows.reduce((sum, one) => sum + one.failed, 0);
    if (failed !== this.#failed) {
      this.#failures = failed === 0 ? [] : await this.#askFailures();
      this.#failed = failed;
    }
    return {
      workflows,
      running: some ? await runningJobs(this.#db, this.#within, WATCH_RUNNING) : [],
      launchers: await this.#askLaunchers(),
      failures: this.#failures,
    };
  }

  #workflow(workflow: string, counts: Counts, now: number): WorkflowSeen {
    const known = this.#rates.get(workflow) ?? new Rate();
    this.#rates.set(workflow, known);
    known.update(counts.done + counts.failed, now);
    const left = counts.running + counts.waiting;
    const rate = left > 0 ? known.perSecond : null;
    return { workflow, ...counts, rate, seconds_left: rate === null ? null : left / rate };
  }

  async #askFailures(): Promise<FailureSeen[]> {
    const failed = await listJobs(
      this.#db,
      {
        where: all(field('state', 'equals', 'FAILED'), this.#within),
        orderBy: [['updated_at', 'desc']],
        limit: WATCH_FAILURES,
      },
      ['job_id', 'name', 'workflow', 'updated_at'],
    );
    const lines = await history(
      this.#db,
      failed.map((job) => job.job_id),
    );
    return failed.map(({ updated_at, ...job }) => {
      const why = lines.get(job.job_id)?.findLast((line) => line.message !== '')?.message ?? '';
      return { ...job, at: updated_at, reason: why.replaceAll(/\s+/g, ' ').trim() };
    });
  }

  async #askLaunchers(): Promise<LauncherSeen[]> {
    const alive = (await listLaunchers(this.#db)).filter((one) => one.state === 'alive');
    const shown = alive.slice(0, WATCH_LAUNCHERS);
    const events = await launcherEvents(
      this.#db,
      shown.map((one) => one.id),
    );
    return shown.map((one) => {
      const { id, host, nodes, nodes_alive, held } = one;
      return { id, host, nodes, nodes_alive, held, troubles: troublesOf(one, events.get(id) ?? []) };
    });
  }
}

function countsOf(states: ReadonlyMap<JobState, number>): Counts {
  const counts = { done: 0, running: 0, failed: 0, waiting: 0 };
  for (const [state, count] of states) {
    if (state === 'JOB_FINISHED') counts.done += count;
    else if (isEnd(state)) counts.failed += count;
    else if (state === 'RUNNING') counts.running += count;
    else counts.waiting += count;
  }
  return counts;
}
