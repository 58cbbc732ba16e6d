/**
 * `balsam ls launchers`: which launchers there are and how they are: alive or silent, degraded since when, nodes drained and
 * why, coordinators replaced, who rescued what. `--history` shows every event of each.
 */
import { CHAIN } from '../../base/limits.ts';
import { endReason } from '../../model/last-words.ts';
import type { Database } from '../../store/connection.ts';
import { launcherEvents } from '../../store/launcher/events.ts';
import { listLaunchers } from '../../store/launcher/row.ts';
import type { LauncherEventRow, LauncherRow } from '../../store/rows.ts';
import { counted, displayWidth, escaped, eventsText, table } from '../output/format.ts';
import { jsonLine } from '../output/json.ts';
import { lookOf } from '../output/look.ts';
import { duration } from '../output/progress.ts';
import { printLine } from '../output/terminal.ts';
import { timeText } from '../output/times.ts';

export interface LaunchersWanted {
  readonly name?: string | undefined;
  readonly history?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly limit: number;
}

/** A heartbeat that is older than this is told as silence: two were missed. */
const SILENT_AFTER_MS = 2 * CHAIN.launcherHeartbeat;

export async function showLaunchers(db: Database, wanted: LaunchersWanted): Promise<void> {
  const all = await listLaunchers(db, wanted.limit + 1);
  const named = all.filter((l) => wanted.name === undefined || l.name.includes(wanted.name));
  const launchers = named.slice(0, wanted.limit);
  const events = await launcherEvents(
    db,
    launchers.map((l) => l.id),
  );
  if (wanted.json === true) {
    for (const l of launchers) await printLine(jsonLine('launcher', jsonOf(l, events.get(l.id) ?? [])));
    return;
  }
  if (launchers.length === 0) return printLine('No launchers found matching query');
  if (wanted.history === true) {
    for (const l of launchers) await printLine(eventsText(l, events.get(l.id) ?? []));
  } else await printLine(launcherTable(launchers, events));
  if (named.length > launchers.length) await printLine('(more launchers not shown...)');
}

function launcherTable(
  launchers: readonly LauncherRow[],
  events: ReadonlyMap<number, LauncherEventRow[]>,
): string {
  const headers = ['pk', 'state', 'host', 'mode', 'wf_filter', 'nodes', 'jobs', 'heartbeat'];
  const look = lookOf();
  const happened = launchers.map((l) => troublesOf(l, events.get(l.id) ?? []).join('; '));
  const rows = launchers.map((l) => [
    String(l.id),
    stateOf(l),
    l.host,
    l.mode,
    l.wf_filter,
    l.state === 'alive' ? `${l.nodes_alive ?? '?'}/${l.nodes}` : String(l.nodes),
    String(l.held),
    `${ago(l.heartbeat_age_ms)} ago`,
  ]);
  const whole = table(
    [...headers, 'what happened'],
    rows.map((row, i) => [...row, happened[i] ?? '']),
  );
  const { width } = look;
  if (width === null || whole.split('\n').every((line) => displayWidth(line) <= width)) return whole;
  // Why a node is drained is what matters here: below the table, rather than cut.
  const below = launchers.flatMap(({ id }, i) =>
    happened[i] ? [`launcher ${id}: ${escaped(happened[i])}`] : [],
  );
  return [table(headers, rows, look), ...below].join('\n');
}

/** `silent` is one that says it lives, and was not heard lately. */
function stateOf(l: LauncherRow): string {
  if (l.state !== 'alive') return l.state;
  if (l.heartbeat_age_ms > SILENT_AFTER_MS) return 'silent';
  return l.degraded_since === null ? 'alive' : 'degraded';
}

/** What a person should know of it, the newest state first. */
export function troublesOf(l: LauncherRow, events: readonly LauncherEventRow[]): string[] {
  const of = (kind: string): LauncherEventRow[] => events.filter((e) => e.kind === kind);
  const troubles: string[] = [];
  if (l.state === 'alive' && l.degraded_since !== null)
    troubles.push(`degraded since ${clock(l.degraded_since)}: ${l.degraded_why}`);
  for (const e of drainedNow(events))
    troubles.push(`node ${e.node}${e.host === '' ? '' : ` (${e.host})`} is drained: ${e.message}`);
  if (l.state === 'alive' && l.nodes_alive === 0 && of('no-agent').length > 0)
    troubles.push('no agent has joined yet');
  if (of('takeover').length > 0) troubles.push(times('its coordinator was replaced', of('takeover').length));
  if (of('agent-lost').length > 0) troubles.push(times('an agent was lost', of('agent-lost').length));
  if (l.rescued_how !== null) {
    const by = l.rescued_by === null ? '' : ` by launcher ${l.rescued_by}`;
    const why = l.rescued_how === 'proof' ? 'proven dead' : 'silent for too long';
    troubles.push(`${why}: ${counted(l.rescued_jobs, 'job')} rescued${by}`);
  }
  const left = of('left').at(-1);
  if (left && l.state === 'ended')
    troubles.push(endReason(left.message, of('left-over').at(-1)?.message ?? ''));
  return troubles;
}

/** Of each node that is drained and was not taken again, when and why. */
function drainedNow(events: readonly LauncherEventRow[]): LauncherEventRow[] {
  const last = new Map<number | null, LauncherEventRow>();
  for (const e of events) if (e.kind === 'drained' || e.kind === 'undrained') last.set(e.node, e);
  return [...last.values()].filter((e) => e.kind === 'drained');
}

function jsonOf(l: LauncherRow, events: readonly LauncherEventRow[]): object {
  const told = events.map(({ at, kind, node, host, message }) => ({ at, kind, node, host, message }));
  const drained = drainedNow(events).map(({ node, host, message }) => ({ node, host, reason: message }));
  return { ...l, health: stateOf(l), drained, events: told };
}

function times(what: string, n: number): string {
  return n === 1 ? what : `${what} ${n} times`;
}

function ago(ms: number): string {
  return duration(Math.max(0, ms) / 1_000);
}

function clock(at: Date): string {
  return timeText(at);
}
