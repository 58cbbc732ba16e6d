/**
 * A report of what happened: jobs by state over time, throughput, waits and run times, failures, and where the
 * node-seconds of the launchers went. Plain data, for the command line and the client alike.
 *
 * Everything is counted by Postgres in one snapshot; this puts it together. It reads and never writes.
 */
import { REPORT_GROUPS } from '../base/client-limits.ts';
import { CHAIN } from '../base/limits.ts';
import type { Database, Queries } from '../store/connection.ts';
import { launcherLedger, ledgerLaunchers } from '../store/ledger-store.ts';
import type { LedgerLauncher, Waste } from '../store/report-rows.ts';
import {
  applicationTimes,
  failureGroups,
  inSnapshot,
  recordedSpan,
  stateChanges,
} from '../store/report-store.ts';
import { bucketsOf } from './buckets.ts';
import { statesOverTime, throughputOverTime } from './states.ts';
import type { Report, ReportLauncher, ReportOptions } from './shape.ts';
import { noWaste, utilisationOf, wasteOf, wasteOverTime } from './waste.ts';

/** Reads and counts. UserError never; WorldError when Postgres is away. Its cost is a few sorts of all rows of the jobs. */
export function makeReport(db: Database, options: ReportOptions = {}): Promise<Report> {
  const workflow = (options.workflow ?? '').replaceAll('\0', '�');
  return inSnapshot(db, (sql) => read(sql, workflow));
}

async function read(sql: Queries, workflow: string): Promise<Report> {
  const silentMs = CHAIN.rescue;
  const span = await recordedSpan(sql, workflow, silentMs);
  const { firstMs, nowMs } = span;
  if (firstMs === null) return nothing(workflow, nowMs);
  const lastMs = Math.max(firstMs, span.live ? nowMs : 0, span.lastMs ?? 0);
  const buckets = bucketsOf(firstMs, lastMs);
  const changes = await stateChanges(sql, workflow, buckets);
  const applications = await applicationTimes(sql, workflow, REPORT_GROUPS + 1);
  const failures = await failureGroups(sql, workflow, REPORT_GROUPS + 1);
  const launchers = await ledgerLaunchers(sql, workflow, buckets, silentMs);
  const ledger = launchers.length === 0 ? [] : await launcherLedger(sql, workflow, buckets, silentMs);
  const states = statesOverTime(changes, buckets.count);
  const throughput = throughputOverTime(changes, buckets.count);
  const wasteAt = wasteOverTime(ledger, buckets.count);
  const ofLauncher = Map.groupBy(ledger, (row) => row.launcher);
  const nodeSeconds = wasteOf(ledger);
  return {
    workflow,
    madeAt: new Date(nowMs),
    from: new Date(firstMs),
    to: new Date(lastMs),
    bucketSeconds: buckets.widthMs / 1_000,
    jobs: span.jobs,
    states: states.at(-1) ?? {},
    buckets: states.map((counts, i) => {
      const spent = wasteAt[i] ?? noWaste();
      return {
        at: new Date(buckets.fromMs + i * buckets.widthMs),
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
