/** Brings the schema up to date: numbered, checksummed SQL files, each applied once, one migrator at a time. */
import type { Database } from './connection.ts';

/** Applies what is missing, in order, under an advisory lock. UserError when the schema is newer than this program. */
export async function migrate(_db: Database): Promise<{ from: number; to: number }> {
  throw new Error('not yet written');
}

/** UserError when the schema is older or newer than this program. */
export async function checkSchema(_db: Database): Promise<void> {
  throw new Error('not yet written');
}
