/** The database of an older version (test/fixtures/schema-5.sql), loaded into a fresh one of the shared server. */
import fs from 'node:fs';
import path from 'node:path';
import { connect, type Database, type DatabaseAddress } from '../../src/store/connection.ts';
import { sharedServer } from './database.ts';
import { ROOT } from './program.ts';

let made = 0;

/** Loads it and gives its address. Launcher 7 of it died with what it held, long ago. */
export async function oldDatabase(): Promise<DatabaseAddress> {
  const { address } = await sharedServer();
  const database = `old_${++made}`;
  await using server = connect(address, { applicationName: 'test-helper', max: 1, role: 'client' });
  await server.sql.unsafe(`create database ${database}`);
  const there = { ...address, database };
  await using db = connect(there, { applicationName: 'test-helper', max: 1, role: 'client' });
  await db.sql.unsafe(fs.readFileSync(path.join(ROOT, 'test/fixtures/schema-5.sql'), 'utf8'));
  return there;
}

/** Undoes every migration after the fourth, as far as the next run of them would be in the way: each newer one adds a line here. */
export async function backToSchema4(sql: Database['sql']): Promise<void> {
  await sql`drop index job_by_workflow`;
  await sql`create index job_by_workflow on job (workflow, state, seq)`;
  await sql`alter table job drop column if exists helper_losses, drop column if exists filed_as`;
  await sql`alter table launcher drop column if exists any_owner, drop column if exists took_nodes, drop column if exists took_minutes`;
  await sql`delete from migration where number >= 5`;
}
