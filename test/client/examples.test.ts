/** The programs of examples/api, which docs/api.md shows: each runs on a database of its own and prints what it says. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { databaseDirectory } from '../helpers/directory.ts';
import { ROOT, runNode, userDirectory } from '../helpers/program.ts';

const EXAMPLES = path.join(ROOT, 'examples/api');
const names = fs.readdirSync(EXAMPLES);

test('there are examples', (t) => t.true(names.length >= 4));

for (const name of names) {
  test(name, async (t) => {
    const [directory, user] = await Promise.all([databaseDirectory(), userDirectory()]);
    t.teardown(async () => {
      await directory.remove();
      await fs.promises.rm(user, { recursive: true });
    });
    const source = await fs.promises.readFile(path.join(EXAMPLES, name), 'utf8');
    const expected = [...source.matchAll(/^\/\/> ?(.*)$/gm)].map(([, line]) => `${line}\n`).join('');
    t.not(expected, '', 'it says what it prints');
    await fs.promises.writeFile(path.join(user, name), source);
    const ran = await runNode([path.join(user, name)], { env: { BALSAM_DB_PATH: directory.path } });
    t.deepEqual([ran.code, ran.err], [0, '']);
    // Ends of lines are no matter: an editor takes blanks away there.
    const trimmed = (text: string): string => text.replaceAll(/ +$/gm, '');
    t.is(trimmed(ran.out), trimmed(expected));
  });
}
