/**
 * Every write by which a coordinator changes the database joins the fence: the launcher row, this epoch, alive, locked until
 * the statement is done (PROTOCOL 1). Read off the source: the functions of the store that src/coordinator imports, the
 * declarations of their modules that these reach, and every statement in them that writes. What is fenced otherwise, or
 * needs no fence, is named here with its reason; a name that is not needed any more fails too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

const ROOT = path.join(import.meta.dirname, '../..');
const STORE = path.join(ROOT, 'src/store');

/** By module and declaration; why it is right without the fence. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'launcher/row registerLauncher': 'makes the row: there is nothing yet that could be lost',
  'launcher/row heartbeat': 'the plain update guarded by epoch and state that PROTOCOL 1 names',
  'launcher/row raiseEpoch': 'a change of epoch: locks the row for update in the same statement',
  'launcher/row leave': 'a change of state: locks the row for update in the same statement',
  'launcher/rescue tombstoneIn':
    "a change of another launcher's state: locks that row for update in the same statement",
  'launcher/rescue RELEASE':
    "a rescue's chunk: joins the tombstone, which is never undone, instead of its own row",
  'applications insertIn':
    'an application that a job registers: applications belong to no launcher, and the name is unique',
  'applications updateIn':
    'an application that a job changes: applications belong to no launcher, and a repeat changes nothing',
};

interface Declaration {
  module: string;
  name: string;
  text: string;
}

/** The top-level declarations of a module, each up to the next one. */
function declarationsOf(module: string): Declaration[] {
  const text = readFileSync(path.join(STORE, module), 'utf8');
  const starts = [...text.matchAll(/^(?:export )?(?:async )?(?:function\*?|const|class) (\w+)/gm)];
  return starts.map((m, i) => ({ module, name: m[1]!, text: text.slice(m.index, starts[i + 1]?.index) }));
}

/** Modules of the store that this one imports values from. */
function importsOf(text: string, from: RegExp): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, names, file] of text.matchAll(from)) {
    const values = names!
      .split(',')
      .map((n) => n.trim())
      .filter((n) => n !== '' && !n.startsWith('type '));
    if (values.length > 0) found.set(file!, [...(found.get(file!) ?? []), ...values]);
  }
  return found;
}

const modules = new Map(
  readdirSync(STORE, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.ts'))
    .map((f) => [f, declarationsOf(f)] as const),
);

/** Everything that the coordinator's calls can reach: by name, within a module and through its imports. */
function reachable(): Declaration[] {
  const room = path.join(ROOT, 'src/coordinator');
  const todo: [string, string][] = readdirSync(room).flatMap((file) =>
    [
      ...importsOf(
        readFileSync(path.join(room, file), 'utf8'),
        /import \{([^}]*)\} from '\.\.\/store\/([^']*)'/g,
      ),
    ].flatMap(([module, names]) => names.map((name): [string, string] => [module, name])),
  );
  const found = new Map<string, Declaration>();
  for (let next = todo.pop(); next; next = todo.pop()) {
    const [module, name] = next;
    const declaration = modules.get(module)?.find((d) => d.name === name);
    if (!declaration || found.has(`${module} ${name}`)) continue;
    found.set(`${module} ${name}`, declaration);
    const whole = readFileSync(path.join(STORE, module), 'utf8');
    const theirs = [...importsOf(whole, /import \{([^}]*)\} from '(\.{1,2}\/[^']*)'/g)].flatMap(
      ([m, names]) => names.map((n): [string, string] => [path.join(path.dirname(module), m), n]),
    );
    const ours = modules.get(module)!.map((d): [string, string] => [module, d.name]);
    for (const [m, n] of [...ours, ...theirs])
      if (new RegExp(`\\b${n}\\b`).test(declaration.text)) todo.push([m, n]);
  }
  return [...found.values()];
}

const WRITES = /\b(?:insert into|update (?!skip|of\b)\w+ (?:\w+ )?set|delete from|merge into|truncate)\b/;
/** The statement says it itself, or by the constant that the declaration beside it has. */
const FENCED =
  /\$\{FENCE\}|fence as materialized \(\s*select id(?: as launcher)? from launcher where id = \S+ and epoch = \S+ and state = 'alive' for key share\)/;

/** Comments may say anything. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
}

test('every write of a coordinator joins the fence, but for those that are named', (t) => {
  const writers = reachable().filter((d) => WRITES.test(withoutComments(d.text)));
  t.log(writers.map((d) => d.name).join(' '));
  t.true(writers.length >= 15, `only ${writers.length} declarations write`);
  for (const name of [
    'runStatement',
    'PATCHES',
    'RELEASES',
    'CLEAR',
    'LATE_STARTS',
    'addRoster',
    'recordNotes',
    'noteTakeover',
  ])
    t.true(
      writers.some((d) => d.name === name),
      `${name} is among them`,
    );
  const bare = writers
    .filter((d) => !FENCED.test(d.text))
    .map((d) => `${d.module.replace('.ts', '')} ${d.name}`);
  t.deepEqual([...new Set(bare)].toSorted(), [...Object.keys(EXCEPTIONS), 'launcher/lease TAKE'].toSorted());
  // The tail of both leases: each of them begins with the fence.
  const leases = reachable().filter((d) => d.text.includes('${TAKE}'));
  t.deepEqual(leases.map((d) => d.name).toSorted(), ['manyLanes', 'singleLane']);
  for (const lease of leases) t.regex(lease.text, FENCED, lease.name);
});

test('the fence is the row, the epoch, alive and locked; what writes is joined to it', (t) => {
  const fences = [...modules.values()].flat().filter((d) => d.name === 'FENCE');
  t.is(fences.length, 2);
  for (const fence of fences)
    t.regex(
      fence.text,
      /from launcher where id = \$1::int and epoch = \$2::int and state = 'alive' for key share\)/,
    );
  for (const d of reachable().filter((x) => x.name !== 'FENCE' && FENCED.test(x.text)))
    t.regex(
      d.text,
      /from fence\b|exists \(select from fence\)|, fence f\b/,
      `${d.name} takes its rows from the fence`,
    );
});

test('changes of epoch and state lock the row in the statement that changes it', (t) => {
  const changing = reachable().filter((d) => /update launcher set (?:state|epoch)/.test(d.text));
  t.deepEqual(changing.map((d) => d.name).toSorted(), ['leave', 'raiseEpoch', 'tombstoneIn']);
  for (const d of changing)
    t.regex(
      d.text,
      /with l as materialized \([^;]*? for update\)\s*update launcher set [^;]*? from l where launcher\.id = l\.id/,
    );
});
