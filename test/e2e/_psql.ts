/** psql beside everything else: what a person types who does not know the client. */
import { run } from '../helpers/program.ts';
import type { World } from './_world.ts';

/** Runs a script of SQL; stdout, unaligned and without headings. Fails with what psql says. */
export async function psql(world: World, script: string): Promise<string> {
  const { host, port, user, password, database } = world.db.address;
  const options = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'];
  const ran = await run(
    'psql',
    [...options, '-h', host, '-p', String(port), '-U', user, '-d', database, '-f', '-'],
    { input: script, env: { ...process.env, PGPASSWORD: password, PGCLIENTENCODING: 'UTF8' } },
  );
  if (ran.code !== 0) throw new Error(`psql: ${ran.err}`);
  return ran.out;
}

/** A text as SQL has it, whatever is in it but NUL. */
export function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
