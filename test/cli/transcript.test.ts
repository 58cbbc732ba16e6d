/**
 * What `ls` prints in all its forms, before and after a launcher, against a transcript in the tree; and the transcript
 * against the shapes of the original's: columns, keys, their order and their places. Ids, times, paths and the host are
 * replaced by others of the same width. `UPDATE_TRANSCRIPT=1` writes the transcript anew: read the difference.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ROOT, run } from '../helpers/program.ts';
import { BALSAM, fresh, nth } from './_cli.ts';

const TRANSCRIPT = path.join(ROOT, 'test/fixtures/ls.transcript.txt');
const SHAPES = JSON.parse(
  fs.readFileSync(path.join(ROOT, 'test/fixtures/original-shapes.json'), 'utf8'),
) as Shapes;

interface Shapes {
  tables: Record<string, string[]>;
  records: Record<string, { head: string; dashes: number; keys: string[] }>;
  lines: Record<string, string>;
}

interface Block {
  command: string;
  output: string;
}

/** `$ command`, then all that it printed to `[exit 0]`. */
function blocksOf(text: string): Block[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, output: lines.join('\n') };
    });
}

/** Each id becomes the next small one wherever it stands; times, the directory and the host are made alike. */
class Alike {
  readonly #ids = new Map<string, string>();
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  of(text: string): string {
    const plain = text
      .replaceAll(this.#root, '/db')
      .replaceAll(`] on ${os.hostname()}`, '] on HOST')
      .replaceAll(/\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d/g, '01-31-2026 12:00:00.000000+01:00');
    for (const [id] of plain.matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))
      if (!this.#ids.has(id)) this.#ids.set(id, nth(this.#ids.size + 1));
    let alike = plain;
    for (const [id, other] of this.#ids)
      alike = alike.replaceAll(id, other).replaceAll(id.slice(0, 8), other.slice(0, 8));
    return alike;
  }
}

test.serial('what ls prints is what the transcript says', async (t) => {
  t.timeout(240_000);
  const db = await fresh(t);
  for (const [name, executable, description] of [
    ['square', '/opt/bin/square.py --fast', 'squares x'],
    ['fails', '/bin/sh', ''],
    ['works', '/bin/echo', 'says so'],
  ] as const)
    await db.sql`insert into application (name, executable, description) values (${name}, ${executable}, ${description})`;
  await db.sql`insert into job (id, name, workflow, application, parents) values
    (gen_random_uuid(), 'top', 'graph', 'square', '{}')`;
  for (const [name, ...parents] of [
    ['left', 'top'],
    ['right', 'top'],
    ['leaf', 'left', 'right'],
  ])
    // prettier-ignore
    await db.sql`insert into job (id, name, workflow, application, parents)
      select gen_random_uuid(), ${name!}, 'graph', 'square', array_agg(id order by seq) from job where name in (${parents[0]!}, ${parents[1] ?? ''})`;
  await db.out(
    'job',
    '--name',
    'square0',
    '--workflow',
    'demo-square',
    '--application',
    'works',
    '--args',
    '0 times 0',
    '--yes',
  );
  await db.out(
    'job',
    '--name',
    'square1',
    '--workflow',
    'demo-square',
    '--application',
    'fails',
    '--args',
    '-c "echo oops >&2; exit 3"',
    '--yes',
  );
  await db.sql`update job set data = ${'{"x": 0, "y": [1, null], "deep": {"a": true}}'}::text::jsonb where name = 'square0'`;
  await db.sql`insert into queued_launch (scheduler_id, project, queue, nodes, wall_minutes, job_mode, state, command)
    values (0, 'proj', 'debug', 2, 30, 'mpi', 'pending-submission', '/x/qlaunch1.sh')`;

  const wanted = fs.readFileSync(TRANSCRIPT, 'utf8');
  const alike = new Alike(db.path);
  // Ids are numbered in order of creation.
  alike.of(await db.out('ls'));
  const binaries = `${path.dirname(BALSAM)}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  let found = '';
  for (const { command } of blocksOf(wanted)) {
    const ran = await run('bash', ['-c', command], { env: { ...db.env, PATH: binaries }, deadline: 90_000 });
    t.is(ran.err, '', command);
    found += `$ ${command}\n${alike.of(ran.out)}[exit ${ran.code}]\n\n`;
  }
  if (process.env['UPDATE_TRANSCRIPT'] === '1') fs.writeFileSync(TRANSCRIPT, found);
  t.is(found, wanted);
});

/** The cells of a table's lines, cut where its head has its bars. */
function cellsOf(lines: readonly string[]): string[][] {
  const [head = ''] = lines;
  const bars = [...head.matchAll(/ \| /g)].map((bar) => bar.index);
  return lines.map((line) =>
    [0, ...bars.map((bar) => bar + 3)].map((from, i) => line.slice(from, bars[i] ?? line.length)),
  );
}

test.serial('the transcript has the shapes of the original', (t) => {
  const blocks = blocksOf(fs.readFileSync(TRANSCRIPT, 'utf8'));
  const linesOf = (command: string): string[] => {
    const block = blocks.find((b) => b.command === command);
    const [output, end] = block?.output.split('[exit 0]\n') ?? [];
    t.true(output !== undefined && end !== undefined, `${command} is in the transcript, and ended well`);
    return output!.replace(/\n$/, '').split('\n');
  };
  for (const [command, columns] of Object.entries(SHAPES.tables)) {
    const [head = '', dashes, ...rows] = linesOf(command);
    t.is(dashes, '-'.repeat(head.length), command);
    t.true(rows.length > 0);
    const [names = [], ...cells] = cellsOf([head, ...rows]);
    t.deepEqual(names.map((name) => name.trim()), columns, command); // prettier-ignore
    t.true(
      names.every((name) => name === name.trimStart().padStart(name.length)),
      'heads stand to the right',
    );
    for (const [i, row] of rows.entries()) {
      t.is(cells[i]!.join(' | '), row, 'each bar stands below that of the head');
      t.true(
        cells[i]!.every((cell) => cell === '' || !cell.startsWith(' ') || cell.trim() === ''),
        'cells stand to the left',
      );
    }
  }
  for (const [command, { head, dashes, keys }] of Object.entries(SHAPES.records)) {
    const [first, second, ...lines] = linesOf(command);
    t.deepEqual([first, second], [head, '-'.repeat(dashes)], command);
    const filled = lines.filter((line) => line !== '');
    t.deepEqual(filled.map((line) => line.slice(0, 32).trimEnd()), keys, command); // prettier-ignore
  }
  for (const [command, pattern] of Object.entries(SHAPES.lines)) {
    const lines = linesOf(command);
    t.deepEqual(lines.filter((line) => !new RegExp(pattern).test(line)), [], command); // prettier-ignore
  }
  t.deepEqual(linesOf('balsam ls wf').slice(0, 2), ['Workflows', '---------']);
});
