/** Databases of older versions: their schema is brought up to date, and nothing in them is lost. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { checkSchema, migrate, migrationsDirectory } from '../../src/store/migrate.ts';
import { heartbeat } from '../../src/store/launcher/row.ts';
import { releaseChunk, rescueCandidates } from '../../src/store/launcher/rescue.ts';
import { backToSchema4, oldDatabase } from '../helpers/old-database.ts';
import { openTransaction, untilWaiting } from './_locks.ts';
import { newLauncher } from './_store.ts';

const client = { applicationName: 'test', role: 'client' } as const;

/** What is on the main branch is in databases of users: they remember these, and refuse a file that was edited. Only add lines. */
const RELEASED = {
  '0001-initial.sql': '2a595eb1f5bbc9774a8f5e207d12f32028c22aa932d03cc2fed207af10583bea',
  '0002-launcher-history.sql': 'eabaaf7cb2833c76e96b682634818e0e2758655340f5df1a469a25cf04f83a48',
  '0003-lists.sql': 'e8b5404253171b594bad76de916a570e755e3208381f80d19c0653b2fe831a67',
  '0004-roster-lives.sql': '77adb6da76a71e3cf9d273df1689abc218b1079b06af2f0ca3979332477c59ce',
  '0005-names.sql': '39133ed0bfc1468a817141318a5cec3ce6466694599c07da0e68886975a617b2',
  '0006-helper-losses.sql': 'd97a64d413a33a33bf482357d78fbf064043bbbe821b9b0d61c03a7f24bf3853',
  '0007-last-words.sql': 'c7c707a3ab8aae927bfa6625eca84a82abb20033a76cc46f8eecd968b608a9fb',
  '0008-filed-as.sql': 'd80fd084b6ea69caef1ad57b3b3aa86a0bb72e187103c41d4b2e5177f407da69',
};

test('no file of the schema is changed after it was released', (t) => {
  const directory = migrationsDirectory();
  const names = fs.readdirSync(directory).toSorted();
  const sums = names.map((name) => [
    name,
    createHash('sha256')
      .update(fs.readFileSync(path.join(directory, name)))
      .digest('hex'),
  ]);
  t.deepEqual(
    Object.fromEntries(sums),
    RELEASED,
    'a change of the schema is a new file, and a new line here',
  );
});

/** A launcher that an older version registered. */
async function launcherOfThen(sql: Database['sql'], name: string): Promise<void> {
  await sql`insert into launcher (name, host, mode, wf_filter, nodes) values (${name}, 'host', 'mixed', '', 1)`;
}

/** Every row of every table, as JSON; without what a newer schema added. */
async function everything(
  sql: Database['sql'],
  columns: ReadonlyMap<string, readonly string[]>,
): Promise<unknown> {
  const rows: [string, unknown][] = [];
  for (const [table, names] of columns) {
    const list = names.map((name) => `'${name}', ${name}::text`).join(', ');
    const found = await sql.unsafe(`select json_build_object(${list}) as row from ${table} order by 1::text`);
    rows.push([table, found.map(({ row }) => JSON.stringify(row)).toSorted()]);
  }
  return Object.fromEntries(rows);
}

async function columnsOf(sql: Database['sql']): Promise<Map<string, string[]>> {
  const rows = await sql<{ table: string; columns: string[] }[]>`
    select table_name as "table", json_agg(column_name order by ordinal_position) as columns
    from information_schema.columns where table_schema = 'public' group by 1 order by 1`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

test('a database of schema 5 comes up to date with all that is in it; its dead launcher is buried and gives back what it held', async (t) => {
  await using db = connect(await oldDatabase(), client);
  await backToSchema4(db.sql);
  const columns = await columnsOf(db.sql);
  columns.delete('migration');
  t.true(columns.size >= 8);
  const before = (await everything(db.sql, columns)) as Record<string, string[]>;

  t.is((await migrate(db)).from, 4);
  await checkSchema(db);
  const after = (await everything(db.sql, columns)) as Record<string, string[]>;
  const launchers = (rows: Record<string, string[]>): string[] =>
    rows['launcher']!.filter((row) => !row.includes('"id" : "7"') && !row.includes('"id":"7"'));
  t.is(launchers(after).length, 6);
  t.deepEqual({ ...after, launcher: launchers(after) }, { ...before, launcher: launchers(before) });
  const [buried] = await db.sql`select state, epoch, rescued_by, rescued_how from launcher where id = 7`;
  t.deepEqual({ ...buried }, { state: 'dead', epoch: 2, rescued_by: null, rescued_how: 'silence' });

  const { id } = await newLauncher(db, 'the next one');
  t.true(id > 7, 'numbers go on where they were');
  const candidates = await rescueCandidates(db, id, 180_000);
  t.deepEqual(
    candidates.map((c) => [c.id, c.state]),
    [[7, 'dead']],
  );
  t.is(await releaseChunk(db, candidates[0]!), 3);
  t.deepEqual(
    [
      ...(await db.sql`select name, state, launcher, tries from job where workflow = 'held' order by name`),
    ].map((r) => ({ ...r })),
    [
      { name: 'held1', state: 'USER_KILLED', launcher: null, tries: 1 },
      { name: 'held2', state: 'RESTART_READY', launcher: null, tries: 1 },
      { name: 'held3', state: 'RESTART_READY', launcher: null, tries: 1 },
    ],
  );
});

test('while a launcher may live nothing is migrated, and nobody is buried', async (t) => {
  await using db = connect(await oldDatabase(), client);
  await backToSchema4(db.sql);
  await launcherOfThen(db.sql, 'young');
  await db.sql`update launcher set heartbeat_at = clock_timestamp() - interval '170 s' where name = 'young'`;
  await t.throwsAsync(migrate(db), {
    instanceOf: UserError,
    message:
      /has schema 4, this program needs \d+, and 1 launcher is at work on it \(last sign of life 17\d s ago\)/,
  });
  await launcherOfThen(db.sql, 'younger');
  await t.throwsAsync(migrate(db), {
    message: /2 launchers are at work on it .* wait until they have ended/,
  });
  const [row] =
    await db.sql`select max(number) as schema, (select state from launcher where id = 7) as state from migration`;
  t.deepEqual({ ...row }, { schema: 4, state: 'alive' });
  await db.sql`update launcher set heartbeat_at = clock_timestamp() - interval '181 s' where id > 7`;
  t.is((await migrate(db)).from, 4);
  t.is((await db.sql`select from launcher where state = 'dead'`).length, 4);
});

test('a sign of life that comes while the schema changes finds the launcher dead', async (t) => {
  const address = await oldDatabase();
  await using db = connect(address, { ...client, applicationName: 'migrator' });
  await using beating = connect(address, { ...client, applicationName: 'heartbeat' });
  await using watcher = connect(address, client);
  await backToSchema4(watcher.sql);
  // A reader holds up the change of the index, when the launchers have been looked at.
  const reader = await openTransaction(address, 'reader');
  await reader.db.sql`select from job limit 1`;
  const migrated = migrate(db);
  await untilWaiting(watcher, 'migrator');
  const beat = heartbeat(beating, 7, 1);
  await untilWaiting(watcher, 'heartbeat');
  await reader.commit();
  await migrated;
  t.false(await beat);
});
