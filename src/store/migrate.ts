/**
 * Brings the schema up to date: numbered SQL files, each applied once and in one transaction, their checksums kept.
 *
 * Two migrators at once are safe: the second waits and finds nothing to do. A schema that is newer than this program, or one on
 * which a launcher lives, must never be changed. A file that was released is never edited: databases of users remember its
 * checksum (test/store/upgrade.test.ts).
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../base/errors.ts';
import { CHAIN } from '../base/limits.ts';
import type { Database, Queries } from './connection.ts';
import { holdLaunchers, tombstoneIn, type SaysItLives } from './launcher/rescue.ts';

interface Migration {
  number: number;
  name: string;
  text: string;
  checksum: string;
}

/** Number of the advisory lock that migrators take: arbitrary, only ours. */
const MIGRATION_LOCK = 7_225_726;

/** Where the SQL files are: beside this file in the sources, beside the bundle in dist/ (the build copies them). */
export function migrationsDirectory(): string {
  for (const place of ['./migrations/', '../store/migrations/', '../migrations/']) {
    const directory = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(directory)) return directory;
  }
  throw new Error('the SQL files of the schema are missing from this installation');
}

function migrations(): Migration[] {
  const directory = migrationsDirectory();
  const names = readdirSync(directory)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .toSorted();
  return names.map((name, i) => {
    const text = readFileSync(`${directory}/${name}`, 'utf8');
    if (Number(name.slice(0, 4)) !== i + 1) throw new Error(`${name} is out of its order`);
    return { number: i + 1, name, text, checksum: createHash('sha256').update(text).digest('hex') };
  });
}

/**
 * Applies what is missing, in order, under an advisory lock. A second call does nothing. UserError, and nothing is changed,
 * when the schema is newer than this program, when an applied file was changed since, or while a launcher lives. Launchers
 * that are silent for R are buried in the same transaction (PROTOCOL 15).
 */
export async function migrate(db: Database): Promise<{ from: number; to: number }> {
  const known = migrations();
  return db.transaction(async (sql) => {
    await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`;
    await sql.unsafe(`create table if not exists migration (
      number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())`);
    const from = await applied(sql, known);
    const silent = from < known.length ? await silentLaunchers(sql, from, known.length) : [];
    for (const migration of known.slice(from)) {
      await sql.unsafe(migration.text);
      await sql`insert into migration (number, name, checksum) values (${migration.number}, ${migration.name}, ${migration.checksum})`;
    }
    // The statement of a burial fits the newest schema only, so that it comes last; the rows were held since the look.
    for (const launcher of silent) await tombstoneIn(sql, launcher, CHAIN.rescue, false, null);
    return { from, to: known.length };
  });
}

/** The launchers to bury before the schema changes. UserError when one of those that say they live may be right. */
async function silentLaunchers(sql: Queries, from: number, to: number): Promise<SaysItLives[]> {
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('launcher') is not null as there`;
  if (table?.there !== true) return [];
  const launchers = await holdLaunchers(sql, CHAIN.rescue);
  const [newest, ...others] = launchers.filter(({ silent }) => !silent);
  if (newest === undefined) return launchers;
  const [are, have] =
    others.length === 0 ? ['1 launcher is', 'it has'] : [`${others.length + 1} launchers are`, 'they have'];
  const age = Math.max(0, Math.round(newest.ageSeconds));
  throw new UserError(
    `the database has schema ${from}, this program needs ${to}, and ${are} at work on it (last sign of life ${age} s ago): use the version of balsam that started ${others.length === 0 ? 'it' : 'them'}, or wait until ${have} ended; one that died is given up after ${CHAIN.rescue / 1000} s of silence`,
  );
}

/** UserError when the schema is older or newer than this program. One query. */
export async function checkSchema(db: Database): Promise<void> {
  const known = migrations();
  const number = await db.run((sql) => applied(sql, known).catch(missingTable));
  if (number < known.length)
    throw new UserError(
      `the database has schema ${number}, this program needs ${known.length}; run "balsam init" on it`,
    );
}

function missingTable(error: unknown): number {
  if (error instanceof Error && 'code' in error && error.code === '42P01') return 0;
  throw error;
}

/** How many are applied; all of them must be ours. */
async function applied(sql: Queries, known: readonly Migration[]): Promise<number> {
  const rows = await sql<{ number: number; name: string; checksum: string }[]>`
    select number, name, checksum from migration order by number`;
  if (rows.length > known.length)
    throw new UserError(
      `the database has schema ${rows.length}, this program knows ${known.length}; use a newer version of balsam`,
    );
  for (const [i, row] of rows.entries()) {
    if (row.checksum !== known[i]?.checksum)
      throw new UserError(
        `${row.name} was applied to this database with other contents; it is not a schema of this program`,
      );
  }
  return rows.length;
}
