/**
 * The rules of the house, read off the source: imports go down only, the core is pure, SQL lives in the store, files are
 * short and say what they are. Goal: a rule that is broken names the file and the line. Method: every source file is read
 * as text; the test counts what it read, so that it can never pass on nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const ROOT = path.join(import.meta.dirname, '..');

/** Rooms by height: a file may import from lower rooms and from its own. */
const HEIGHT: Record<string, number> = {
  'native-free': 0,
  'src/base': 1,
  'src/actor': 2,
  'src/model': 2,
  'src/core': 3,
  'src/wire': 4,
  'src/process': 4,
  'src/store': 4,
  'src/analytics': 5,
  'src/server': 5,
  'src/batch': 5,
  'src/launcher': 6,
  'src/agent': 7,
  'src/coordinator': 7,
  'src/client': 7,
  'src/warden': 8,
  'src/cli': 9,
  bin: 10,
  test: 11,
  bench: 12,
};

interface Source {
  file: string;
  room: string;
  text: string;
  lines: string[];
}

function sources(): Source[] {
  const found: Source[] = [];
  for (const top of ['src', 'native-free', 'bin', 'bench', 'test', 'examples']) {
    for (const entry of readdirSync(path.join(ROOT, top), { recursive: true, encoding: 'utf8' })) {
      const file = `${top}/${entry}`;
      if (!/\.(ts|mjs|py)$/.test(file) || file.includes('/generated/')) continue;
      const text = readFileSync(path.join(ROOT, file), 'utf8');
      found.push({ file, room: roomOf(file), text, lines: text.split('\n') });
    }
  }
  return found;
}

function roomOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'src' ? `src/${parts[1]}` : parts[0]!;
}

/** Every module that a file names, type imports included. */
function importsOf(s: Source): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
  return [...s.text.matchAll(pattern)].map((m) => (m[1] ?? m[2] ?? m[3])!);
}

const all = sources();
const code = all.filter((s) => s.file.startsWith('src/') || s.file.startsWith('native-free/'));

test('it reads the whole tree', (t) => {
  t.true(code.length > 100, `only ${code.length} files`);
  const rooms = new Set(code.map((s) => s.room));
  for (const room of Object.keys(HEIGHT).filter((r) => r.startsWith('src/'))) t.true(rooms.has(room), room);
  const counted = code.reduce((n, s) => n + importsOf(s).length, 0);
  t.true(counted > 300, `only ${counted} imports`);
});

test('imports go down only, type imports included', (t) => {
  const wrong: string[] = [];
  for (const s of all) {
    for (const name of importsOf(s)) {
      if (!name.startsWith('.')) continue;
      const target = path.normalize(path.join(path.dirname(s.file), name));
      const room = roomOf(target);
      if (room === s.room || target.startsWith('package.json')) continue;
      const [from, to] = [HEIGHT[s.room], HEIGHT[room]];
      if (s.room === 'examples' || from === undefined || to === undefined)
        wrong.push(`${s.file}: ${name} (room unknown)`);
      else if (from <= to) wrong.push(`${s.file}: ${room} is not below ${s.room}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('native-free stands alone', (t) => {
  const wrong = code
    .filter((s) => s.room === 'native-free')
    .flatMap((s) =>
      importsOf(s)
        .filter((n) => !n.startsWith('node:') && !n.startsWith('./'))
        .map((n) => `${s.file}: ${n}`),
    );
  t.deepEqual(wrong, []);
});

test('core and model know no time, chance, promise or input and output', (t) => {
  const banned =
    /\bDate\.now\b|new Date\b|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bprocess\.|'node:|\bperformance\.|\basync\b|\bawait\b|\bPromise\b/;
  const core = code.filter((s) => s.room === 'src/core' || s.room === 'src/model');
  t.true(core.length >= 15);
  t.deepEqual(findings(core, banned), []);
});

/** What may block in a coordinator or an agent, and why that is not felt. A folder stands for its files. */
const MAY_BLOCK: Record<string, string> = {
  'native-free/sysfs.ts': 'reads /proc and /sys, behind which is no disk',
  'src/base/proc.ts': 'reads /proc',
  'src/base/open-files.ts': 'reads /proc',
  'src/process/proc.ts': 'reads /proc',
  'src/base/entry.ts': 'looks for one of our own programs, at start',
  'src/base/outlet-target.ts':
    'pipes and terminals that refuse instead of waiting; the last lines of a process',
  'src/process/shipped.ts': 'looks once for each program, before the first job',
  'src/agent/predecessor.ts': 'its records are in the socket directory, on the node itself',
  'src/launcher/socket-directory.ts': 'it is on the node itself',
  'src/base/own-directory.ts': 'asked when the database is opened, at start',
  'src/server/':
    'opens the database at start; later only `followServer` is called, which looks at a socket in /tmp',
  'src/store/migrate.ts': 'the schema is checked when the database is opened',
};
/** Named like them, and no input or output. */
const COMPUTED = new Set(['randomFillSync', 'generateKeyPairSync']);

test('coordinator and agent do not block on files or programs once they have started (PROTOCOL 0)', (t) => {
  const hot = new Set(['src/coordinator/main.ts', 'src/agent/main.ts'].flatMap((file) => reachedFrom(file)));
  t.true(hot.size > 80, `only ${hot.size} files`);
  for (const file of ['src/core/agent/step.ts', 'src/store/launcher/lease.ts', 'src/wire/router-link.ts'])
    t.true(hot.has(file), file);
  const excused = new Set<string>();
  const wrong: string[] = [];
  for (const s of code.filter((one) => hot.has(one.file))) {
    const calls = findings([s], /\b(?:\w+Sync|Atomics\.wait)\(/).filter((line) =>
      [...line.matchAll(/\b(\w+Sync|Atomics\.wait)\(/g)].some(([, name]) => !COMPUTED.has(name!)),
    );
    const excuse = Object.keys(MAY_BLOCK).find((place) => s.file.startsWith(place));
    if (excuse === undefined) wrong.push(...calls);
    else if (calls.length > 0) excused.add(excuse);
  }
  t.deepEqual(wrong, []);
  t.deepEqual(Object.keys(MAY_BLOCK).toSorted(), [...excused].toSorted(), 'each excuse is needed');
});

test('SQL is written in the store only', (t) => {
  const sql =
    /\bsql`|\.unsafe\(|\b(?:select|insert into|delete from|update)\s[^'"]*\s(?:from|set|values|where)\s/;
  const outside = code.filter((s) => s.room !== 'src/store');
  t.deepEqual(findings(outside, sql), []);
});

test('every file says what it is before it begins', (t) => {
  const silent = code.filter((s) => !/^(#!.*\n)?(\/\*\*|\/\/|#|""")/.test(s.text)).map((s) => s.file);
  t.deepEqual(silent, []);
});

test('no file has more than 450 lines of code', (t) => {
  const code = (s: Source): number => s.lines.filter((l) => !/^\s*(\*|\/\/|\/\*|#|$)/.test(l)).length;
  t.deepEqual(
    all.filter((s) => code(s) > 450).map((s) => `${s.file}: ${code(s)}`),
    [],
  );
});

test('nothing names a machine or a place of one', (t) => {
  const place = /(^|[^A-Za-z0-9_./-])(\/work\/|\/root\/|\/home\/[a-z]+)/;
  t.deepEqual(
    findings(
      all.filter((s) => !s.file.endsWith('tidy.test.ts')),
      place,
    ),
    [],
  );
});

test('a test that cannot run here is skipped with its reason, by unless(), and never passes', (t) => {
  const tests = all.filter((s) => s.room === 'test' && s.file !== 'test/tidy.test.ts');
  t.true(tests.some((s) => s.text.includes('unless(')));
  const skips = findings(
    tests.filter((s) => s.file !== 'test/helpers/unless.ts'),
    /\.(skip|todo)\b/,
  );
  const passes = tests.filter((s) => /t\.pass\(\);\s*return\b/.test(s.text)).map((s) => s.file);
  t.deepEqual([...skips, ...passes], []);
});

test('every rule of the protocol that is cited exists', (t) => {
  const text = readFileSync(path.join(ROOT, 'docs/PROTOCOL.md'), 'utf8');
  const rules = new Set([...text.matchAll(/^## (\d+)\.|^- \*\*(G\d+)/gm)].map((m) => m[1] ?? m[2]!));
  t.true(rules.has('0') && rules.has('15') && rules.has('G1'));
  const cited = all.flatMap((s) =>
    [...s.text.matchAll(/\bPROTOCOL (\w+)(?:–(\d+))?/g)].flatMap(([words, ...numbers]) =>
      numbers.filter(Boolean).map((rule) => ({ rule: rule!, words, file: s.file })),
    ),
  );
  t.true(cited.length > 100, `only ${cited.length} citations`);
  t.deepEqual(
    cited
      .filter(({ rule }) => /^G?\d/.test(rule) && !rules.has(rule))
      .map(({ words, file }) => `${file}: ${words}`),
    [],
  );
});

test('every limit is used', (t) => {
  const limits = code.filter((s) => /^src\/base\/.*limits\.ts$/.test(s.file));
  t.true(limits.length >= 1);
  const rest = all
    .filter((s) => !/^src\/base\/.*limits\.ts$/.test(s.file))
    .map((s) => s.text)
    .join('\n');
  const names = limits.flatMap((s) => [...s.text.matchAll(/export const (\w+)/g)].map((m) => m[1]!));
  t.deepEqual(
    names.filter((n) => !new RegExp(`\\b${n}\\b`).test(rest)),
    [],
  );
});

/** Files that a program loads; types are not loaded. */
function reachedFrom(main: string): string[] {
  const byFile = new Map(all.map((s) => [s.file, s]));
  const reached = new Set([main]);
  for (const file of reached) {
    const s = byFile.get(file);
    if (!s) continue;
    const loaded = { ...s, text: s.text.replaceAll(/(?:^|\n)\s*(?:import|export) type\b[^;]*;/g, '') };
    for (const name of importsOf(loaded))
      if (name.startsWith('.')) reached.add(path.normalize(path.join(path.dirname(file), name)));
  }
  return [...reached];
}

/** `file:line: text` of each line that matches, comments left out. */
function findings(among: readonly Source[], pattern: RegExp): string[] {
  return among.flatMap((s) =>
    s.lines
      .map((line, i) => ({ line, at: i + 1 }))
      .filter(({ line }) => pattern.test(line) && !/^\s*(\*|\/\/|\/\*|#)/.test(line))
      .map(({ line, at }) => `${s.file}:${at}: ${line.trim()}`),
  );
}
