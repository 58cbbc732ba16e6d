/**
 * Effects and messages of the cores as one short line each, for tests to compare and for traces to read.
 * Called by the rigs and by the simulator's trace.
 */
import type { AgentEffect } from '../../../src/core/agent/event.ts';
import type { CommitRows } from '../../../src/core/coordinator/batch.ts';
import type { CoordinatorEffect } from '../../../src/core/coordinator/event.ts';
import type { Body, Command, JobRef, Report } from '../../../src/core/messages.ts';

const ref = (j: JobRef): string => `${j.id}#${j.attempt}`;
const refs = (jobs: readonly JobRef[]): string => jobs.map(ref).join(' ');

export function commandLine(c: Command): string {
  if (c.start) return `start ${refs(c.start.jobs)}`;
  if (c.kill) return `kill ${c.kill.reason} ${refs(c.kill.jobs)}`;
  if (c.retract) return `retract ${refs(c.retract.jobs)}`;
  if (c.committed) {
    const answers = c.committed.answers.map((a) => ` ${a.request}=${a.error || a.json}`).join('');
    return `committed ${c.committed.reports}${answers}`;
  }
  return 'drain';
}

export function reportLine(r: Report): string {
  const name = `${r.seq} ${r.job}#${r.attempt}`;
  if (r.started) return `${name} started`;
  if (r.ended) {
    const how = r.ended.exited ? `exit ${r.ended.exitCode}` : `signal ${r.ended.signal}`;
    return `${name} ended ${how}${r.ended.killed ? ` killed ${r.ended.killed}` : ''}`;
  }
  if (r.patch) return `${name} patch ${r.patch.dataJson}`;
  if (r.retracted) return `${name} retracted`;
  if (r.request) return `${name} asks ${r.request.op}`;
  return `${name} not started: ${r.notStarted?.stage}`;
}

/** One line for each part of a message. */
export function bodyLines(b: Body): string[] {
  if (b.hello) return ['hello'];
  if (b.echo)
    return [`echo ${b.echo.number} received ${b.echo.receivedReports} committed ${b.echo.committedReports}`];
  if (b.commands) return b.commands.commands.map(commandLine);
  if (b.dismissed) return ['dismissed'];
  if (b.join) return [`join [${b.join.held.map((h) => ref(h) + (h.started ? '+' : '')).join(' ')}]`];
  if (b.heartbeat) return [`beat ${b.heartbeat.number}`];
  return (b.reports?.reports ?? []).map(reportLine);
}

export function rowsLine(rows: CommitRows): string {
  const parts: string[] = [];
  for (const r of rows.starts) parts.push(`start ${ref(r)}@${r.report}`);
  for (const r of rows.patches) parts.push(`patch ${ref(r)}@${r.report}`);
  for (const r of rows.ends) parts.push(`end ${ref(r)}@${r.report} ${r.outcome} ${r.state}`);
  for (const r of rows.releases)
    parts.push(`release ${ref(r)} ${r.to}${r.lostEnd ? ' lost' : ''}${r.countTry ? ' tried' : ''}`);
  return parts.join(', ');
}

export function agentLines(e: AgentEffect): string[] {
  switch (e.kind) {
    case 'send':
      return bodyLines(e.body);
    case 'open-helper':
      return [`open ${e.helper}`];
    case 'close-helper':
      return [`close ${e.helper}`];
    case 'start':
      return [`run ${e.helper}/${e.token} ${ref(e.job)}`];
    case 'kill':
      return [`end ${e.helper}/${e.token} in ${e.graceMs}`];
    case 'recall':
      return [`recall ${e.helper}/${e.token}`];
    case 'lease':
      return [`lease ${e.until}`];
    case 'answer':
      return [`answer ${e.ref} ${e.error === '' ? e.json : `no: ${e.error}`}`];
    case 'refused':
      return [`refused: ${e.rule}`];
    case 'log':
      return [];
    case 'leave':
    case 'rejoin':
      return [e.kind];
  }
}

export function coordinatorLines(e: CoordinatorEffect): string[] {
  switch (e.kind) {
    case 'send':
      return bodyLines(e.body).map((line) => `${e.incarnation}: ${line}`);
    case 'lease':
      return [
        `lease ${e.limit} nodes ${e.maxNodes}${e.maxWallMinutes === null ? '' : ` minutes ${e.maxWallMinutes}`}`,
      ];
    case 'commit':
      return [
        `commit ${[rowsLine(e.rows), ...e.requests.map((r) => `ask ${r.request}`)].filter(Boolean).join(', ')}`,
      ];
    case 'enrol':
      return [`enrol ${e.incarnation}`];
    case 'no-agent':
      return [`no agent for ${e.seconds} s`];
    case 'end':
      return [`end ${e.code}${e.code === 'left' && e.failed ? ' failed' : ''}`];
    case 'record':
      return [
        `record ${[...e.notes.map((n) => `${n.kind}${n.node === null ? '' : ` node ${n.node}`}`), ...e.ended.map((i) => `${i} is over`)].join(', ')}`,
      ];
    case 'refused':
      return [`refused ${e.incarnation}: ${e.rule}`];
    case 'log':
      return [];
    case 'raise':
    case 'leave-row':
      return [e.kind];
  }
}
