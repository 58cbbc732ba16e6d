/** For the tests of the command line: a database of one test's own, and the built command as people start it. */
import fs from 'node:fs';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { connect, type Database } from '../../src/store/connection.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { cleanEnvironment, ROOT, run } from '../helpers/program.ts';
import type { Ran, RunOptions } from '../helpers/program.ts';

export const BALSAM = path.join(ROOT, 'bin/balsam');

/** `balsam ...words`, built. Two busy cores: the deadline is generous. */
export function balsam(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  if (!fs.existsSync(path.join(ROOT, 'dist/cli.js'))) throw new Error('run `node bin/build.mjs` first');
  return run(BALSAM, words, { deadline: 90_000, ...options });
}

export interface Cli extends DatabaseDirectory {
  readonly sql: Database['sql'];
  readonly env: Record<string, string>;
  /** The command on this database. */
  run(...words: string[]): Promise<Ran>;
  /** The same; stdout when it ended well, else the test fails. */
  out(...words: string[]): Promise<string>;
  /** The same with answers on its stdin. */
  answer(input: string, ...words: string[]): Promise<Ran>;
  /** The lines of `--json`, parsed. */
  json(...words: string[]): Promise<Record<string, unknown>[]>;
}

/** A fresh database for one test. */
export async function fresh(t: ExecutionContext): Promise<Cli> {
  const directory = await databaseDirectory();
  const db = connect(directory.address, { applicationName: 'test', role: 'client', max: 2 });
  t.teardown(async () => {
    await db.close();
    await directory.remove();
  });
  // Commands print times in the zone of the person.
  const env = { BALSAM_DB_PATH: directory.path, TZ: 'UTC' };
  const out = async (...words: string[]): Promise<string> => {
    const ran = await balsam(words, { env });
    if (ran.code !== 0 || ran.err !== '')
      throw new Error(`balsam ${words.join(' ')}: ${ran.code} ${ran.err}`);
    return ran.out;
  };
  return {
    ...directory,
    sql: db.sql,
    env,
    out,
    run: (...words) => balsam(words, { env }),
    answer: (input, ...words) => balsam(words, { env, input }),
    json: async (...words) =>
      (await out(...words, '--json'))
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** The command on a terminal of `columns` columns; `keys` are typed once `until` was shown. */
export function onTerminal(
  words: readonly string[],
  options: { env: Record<string, string>; columns?: number; keys?: string; until?: string },
): Promise<Ran> {
  const { columns = 100, keys = '', until = '' } = options;
  const env = cleanEnvironment({ TERM: 'xterm', ...options.env });
  if (options.env['NO_COLOR'] === undefined) delete env['NO_COLOR'];
  return run(
    'python3',
    [path.join(ROOT, 'test/fixtures/terminal.py'), String(columns), until, keys, BALSAM, ...words],
    {
      env: { ...env, NO_COLOR: env['NO_COLOR'] },
      deadline: 90_000,
    },
  );
}

/** An id that can be told from others at a glance: `nth(1)` begins with 00000001. */
export function nth(n: number): string {
  return `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`;
}
