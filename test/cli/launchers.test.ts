/**
 * `balsam ls launchers`: how each launcher is (alive, silent, degraded since when, ended, dead), which of its nodes are
 * drained and why, its last heartbeat, and who rescued what; the same as JSON, with ages in milliseconds. The rows are made by
 * the statements that coordinators use.
 */
import test from 'ava';
import type { LauncherNote } from '../../src/core/coordinator/batch.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { noteTakeover, recordNotes } from '../../src/store/launcher/events.ts';
import { heartbeat, leave, raiseEpoch, registerLauncher } from '../../src/store/launcher/row.ts';
import { leaseJobs } from '../../src/store/launcher/lease.ts';
import { releaseChunk, tombstone } from '../../src/store/launcher/rescue.ts';
import { fresh } from './_cli.ts';

const DAY_MS = 86_400_000;

function make(db: Database, name: string, nodes: number): Promise<{ id: number; epoch: number }> {
  const nothing = { mode: 'mpi', wfFilter: '', schedulerId: '', leftMs: null } as const;
  return registerLauncher(db, { name, host: `host-of-${name}`, nodes, ...nothing });
}

function note(number: number, changes: Partial<LauncherNote>): LauncherNote {
  return { number, at: Date.now(), kind: 'drained', node: null, host: '', message: '', ...changes };
}

async function holds(
  db: Database,
  { id, epoch }: { id: number; epoch: number },
  limit: number,
): Promise<void> {
  const wanted = {
    maxNodes: 9,
    maxWallMinutes: null,
    serialOnly: false,
    workflows: null,
    anyOwner: false,
  } as const;
  await leaseJobs(db, { launcher: id, epoch, limit, order: 'mpi', ...wanted });
}

test('alive, silent, degraded, drained, ended and dead: who is how, and who rescued what', async (t) => {
  const cli = await fresh(t);
  t.is(await cli.out('ls', 'launchers'), 'No launchers found matching query\n');
  await using db = connect(cli.address, { applicationName: 'test', role: 'coordinator' });
  await insertJobs(
    db,
    Array.from({ length: 5 }, () => ({})),
  );

  const dead = await make(db, 'dead', 2);
  await holds(db, dead, 2);
  const ended = await make(db, 'ended', 1);
  await recordNotes(db, {
    launcher: ended.id,
    epoch: ended.epoch,
    source: ended.epoch,
    notes: [note(1, { kind: 'left', message: 'nothing is left to run' })],
    ended: [],
  });
  t.true(await leave(db, ended.id, ended.epoch));
  const silent = await make(db, 'silent', 1);
  const sick = await make(db, 'sick', 4);
  await holds(db, sick, 3);
  const notes = [
    note(1, { kind: 'agent-lost', node: 2, host: 'n2', message: 'node lost' }),
    note(2, { node: 1, host: 'n1', message: '3 jobs in a row could not be started' }),
    note(3, { node: 3, host: 'n3', message: 'bad memory' }),
    note(4, { kind: 'undrained', node: 3, host: 'n3', message: 'no other node is left' }),
  ];
  await recordNotes(db, { launcher: sick.id, epoch: sick.epoch, source: sick.epoch, notes, ended: [] });
  const epoch = (await raiseEpoch(db, sick.id, sick.epoch))!;
  await noteTakeover(db, { launcher: sick.id, epoch, held: 3 });
  const since = Date.UTC(2026, 0, 2, 3, 4, 5);
  t.true(
    await heartbeat(db, sick.id, epoch, {
      degradedSince: since,
      degradedWhy: 'No space left on device',
      nodesAlive: 3,
    }),
  );
  const well = await make(db, 'well', 2);
  t.true(await heartbeat(db, well.id, well.epoch, { degradedSince: null, degradedWhy: '', nodesAlive: 2 }));
  t.true(await tombstone(db, dead, 180_000, true, well.id));
  t.is(await releaseChunk(db, dead), 2);
  // By the database's own clock: two days old, which no second of this test changes.
  await cli.sql`update launcher set heartbeat_at = heartbeat_at - interval '2 days 3 hours' where id in ${cli.sql([silent.id, dead.id])}`;

  const lines = (await cli.out('ls', 'launchers')).trimEnd().split('\n');
  const [heading, , ...rows] = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  t.deepEqual(heading, [
    'pk',
    'state',
    'host',
    'mode',
    'wf_filter',
    'nodes',
    'jobs',
    'heartbeat',
    'what happened',
  ]);
  const plain = rows.map(([pk, state, host, , , nodes, jobs, , happened]) => [
    pk,
    state,
    host,
    nodes,
    jobs,
    happened,
  ]);
  t.deepEqual(plain, [
    [String(well.id), 'alive', 'host-of-well', '2/2', '0', ''],
    [
      String(sick.id),
      'degraded',
      'host-of-sick',
      '3/4',
      '3',
      'degraded since 2026-01-02 03:04:05 +00:00: No space left on device; node 1 (n1) is drained: 3 jobs in a row could not be started; its coordinator was replaced; an agent was lost',
    ],
    [String(silent.id), 'silent', 'host-of-silent', '?/1', '0', ''],
    [String(ended.id), 'ended', 'host-of-ended', '1', '0', 'nothing is left to run'],
    [String(dead.id), 'dead', 'host-of-dead', '2', '0', `proven dead: 2 jobs rescued by launcher ${well.id}`],
  ]);
  const heartbeats = rows.map((row) => row[7] ?? '');
  t.regex(heartbeats[0]!, /^\d+(\.\d+)?\s?s ago$/, 'seconds ago');
  t.regex(heartbeats[2]!, /^51 ?h|^2 ?d/, heartbeats[2]);

  const told = await cli.json('ls', 'launchers');
  t.deepEqual(
    told.map((l) => [l['kind'], l['id'], l['health'], l['held']]),
    [
      ['launcher', well.id, 'alive', 0],
      ['launcher', sick.id, 'degraded', 3],
      ['launcher', silent.id, 'silent', 0],
      ['launcher', ended.id, 'ended', 0],
      ['launcher', dead.id, 'dead', 0],
    ],
  );
  for (const l of told) t.is(typeof l['heartbeat_age_ms'], 'number');
  t.true(told.slice(0, 2).every((l) => Number(l['heartbeat_age_ms']) < DAY_MS));
  t.true(
    Number(told[2]!['heartbeat_age_ms']) >= 2 * DAY_MS && Number(told[2]!['heartbeat_age_ms']) < 3 * DAY_MS,
  );
  t.like(told[1], {
    degraded_since: '2026-01-02T03:04:05.000Z',
    degraded_why: 'No space left on device',
    epoch,
    nodes_alive: 3,
    drained: [{ node: 1, host: 'n1', reason: '3 jobs in a row could not be started' }],
  });
  const kinds = (l: Record<string, unknown>): string[] =>
    (l['events'] as { kind: string }[]).map((e) => e.kind);
  t.deepEqual(kinds(told[1]!), ['agent-lost', 'drained', 'drained', 'undrained', 'takeover']);
  t.like(told[4], { rescued_by: well.id, rescued_how: 'proof', rescued_jobs: 2 });
  t.like(told[0], { degraded_since: null, rescued_by: null, rescued_how: null, drained: [], events: [] });

  const history = await cli.out('ls', 'launchers', '--history', '--name', 'sick');
  for (const { message } of notes) t.true(history.includes(message), history);
  t.regex(history, /replaced/);
  t.notRegex(history, /host-of-well/);
});
