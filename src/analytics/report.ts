/**
 * A report of what happened: jobs by state over time, throughput, waits and run times, failures, and where the
 * node-seconds of the launchers went. Plain data, for the command line and the client alike.
 *
 * Everything is counted by Postgres in one snapshot; this puts it together. It reads and never writes.
 */
import { REPORT_GROUPS } from '../base/client-limits.ts';
import { UserError } from '../base/errors.ts';
import { CHAIN } from '../base/limits.ts';
import type { Database, Queries } from '../store/connection.ts';
import { launcherLedger, ledgerLaunchers } from '../store/history/ledger.ts';
import type { LedgerLauncher, TimeBuckets, Waste } from '../store/history/rows.ts';
import {
  applicationTimes,
  failureGroups,
  inSnapshot,
  recordedSpan,
  stateChanges,
} from '../store/history/report.ts';
import type { RecordedSpan } from '../store/history/report.ts';
import { likePattern } from '../store/jobs/query-sql.ts';
import { bucketsOf, cutTo } from './buckets.ts';
import { millisecondsOf } from './interval.ts';
import { statesOverTime, throughputOverTime } from './states.ts';
import type { Asked, Report, ReportLauncher } from './shape.ts';
import { noWaste, utilisationOf, wasteOf, wasteOverTime } from './waste.ts';

/**
 * Reads and counts. UserError when `since` is not before `until`; WorldError when Postgres is away. Its cost is a few sorts
 * of all rows of the jobs that are in it.
 */
export function makeReport(db: Database, asked: Asked = {}): Promise<Report> {
  const workflow = (asked.workflow ?? '').replaceAll('\0', '�');
  return inSnapshot(db, (sql) => read(sql, { ...asked, workflow }));
}

interface ReportTime {
  readonly fromMs: number;
  readonly toMs: number;
  readonly buckets: TimeBuckets;
}

/** Where a report begins and ends, and how its time is cut; null when nothing on record is within it. */
function timeOf(span: RecordedSpan, { since, until }: Asked): ReportTime | null {
  const { firstMs, nowMs } = span;
  const sinceMs = since === undefined ? -Infinity : millisecondsOf(since, nowMs);
  const untilMs = until === undefined ? Infinity : millisecondsOf(until, nowMs);
  if (sinceMs >= untilMs)
    throw new UserError('the report would end before it begins: since must be before until');
  if (firstMs === null) return null;
  // Who asks what happened since then means until now, also when nothing did.
  const isNow = span.live || since !== undefined;
  const lastMs = Math.max(firstMs, isNow ? nowMs : 0, span.lastMs ?? 0);
  const fromMs = Math.max(firstMs, sinceMs);
  const toMs = Math.min(lastMs, untilMs);
  if (fromMs > toMs || fromMs >= untilMs) return null;
  const buckets = cutTo(
    bucketsOf(fromMs, toMs),
    sinceMs > firstMs ? sinceMs : null,
    untilMs <= lastMs ? untilMs : null,
  );
  return { fromMs, toMs, buckets };
}

async function read(sql: Queries, asked: Asked & { readonly workflow: string }): Promise<Report> {
  const { workflow } = asked;
  const silentMs = CHAIN.rescue;
  const workflows = workflow === '' ? '%' : likePattern(workflow);
  const span = await recordedSpan(sql, workflows, silentMs);
  const { nowMs } = span;
  const time = timeOf(span, asked);
  if (time === null) return nothing(workflow, nowMs);
  const { fromMs, toMs, buckets } = time;
  const count = buckets.edgesMs.length - 1;
  const changes = await stateChanges(sql, workflows, buckets);
  const applications = await applicationTimes(sql, workflows, buckets, REPORT_GROUPS + 1);
  const failures = await failureGroups(sql, workflows, buckets, REPORT_GROUPS + 1);
  const launchers = await ledgerLaunchers(sql, workflows, buckets, silentMs);
  const ledger = launchers.length === 0 ? [] : await launcherLedger(sql, workflows, buckets, silentMs);
  const states = statesOverTime(changes, count);
  const atEnd = states.at(-1) ?? {};
  const throughput = throughputOverTime(changes, count);
  const wasteAt = wasteOverTime(ledger, count);
  const ofLauncher = Map.groupBy(ledger, (row) => row.launcher);
  const nodeSeconds = wasteOf(ledger);
  return {
    workflow,
    madeAt: new Date(nowMs),
    from: new Date(fromMs),
    to: new Date(toMs),
    bucketSeconds: buckets.widthMs / 1_000,
    jobs: Object.values(atEnd).reduce((sum, jobs) => sum + jobs, 0),
    states: atEnd,
    buckets: states.map((counts, i) => {
      const spent = wasteAt[i] ?? noWaste();
      return {
        at: new Date(buckets.edgesMs[i]!),
        states: counts,
        ...throughput[i]!,
        nodeSeconds: spent,
        utilisation: utilisationOf(spent),
      };
    }),
    applications: applications.slice(0, REPORT_GROUPS),
    moreApplications: applications.length > REPORT_GROUPS,
    failures: failures.slice(0, REPORT_GROUPS),
    moreFailures: failures.length > REPORT_GROUPS,
    launchers: launchers.map((l) => launcherOf(l, wasteOf(ofLauncher.get(l.launcher) ?? []))),
    nodeSeconds,
    utilisation: utilisationOf(nodeSeconds),
  };
}

function launcherOf(l: LedgerLauncher, nodeSeconds: Waste): ReportLauncher {
  const { launcher, name, state, nodes, fromMs, toMs } = l;
  const [from, to] = [new Date(fromMs), new Date(toMs)];
  return { launcher, name, state, nodes, from, to, nodeSeconds, utilisation: utilisationOf(nodeSeconds) };
}

function nothing(workflow: string, nowMs: number): Report {
  return {
    workflow,
    madeAt: new Date(nowMs),
    from: null,
    to: null,
    bucketSeconds: 0,
    jobs: 0,
    states: {},
    buckets: [],
    applications: [],
    moreApplications: false,
    failures: [],
    moreFailures: false,
    launchers: [],
    nodeSeconds: noWaste(),
    utilisation: null,
  };
}
