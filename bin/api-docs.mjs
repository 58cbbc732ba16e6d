// Writes docs/api.md from the declarations that the package ships, with the programs of examples/api as examples.
// `--check` writes nothing and fails when the page is not what it would write. Run by `npm run generate` and
// `npm run verify:generated`. It reads tsc's own output, whose layout is always the same; what it does not
// understand stops it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WORDS } from '../src/client/conditions.ts';
import { writeDeclarations } from './declarations.mjs';
import { publish, root } from './generated.mjs';

const types = mkdtempSync(path.join(tmpdir(), 'balsam-api-'));
let text;
try {
  writeDeclarations(types);
  text = document();
} finally {
  rmSync(types, { recursive: true, force: true });
}
publish('docs/api.md', text);

function document() {
  const index = readFileSync(`${root}src/client/index.ts`, 'utf8');
  const names = exported(index);
  const parts = [
    '# The TypeScript API',
    '<!-- Made by `npm run generate` from the doc comments; do not edit. -->',
    comment(/^\/\*\*[^]*?\*\//.exec(index)[0]),
    'Fields that a person gives are checked, by the compiler and again at run time: a mistake is a `UserError` of one sentence, with the field, the value and what to do. What the world does (no database, a connection lost) is a `WorldError` with a code.',
    `${names.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(' · ')}`,
    '## Conditions',
    'A condition is an object; all its members must hold. A plain value means `equals`, null means `isNull: true`; `and`, `or` (lists) and `not` combine whole conditions. Inside `data` every comparison is there, and only values of the same kind meet it.',
    lookups(),
    '## What a query reads',
    'By `id` or its beginning, workflow, state, `launcher` or `parents`, a list reads about what it shows, however many jobs there are. A name, an application, or a part of a name, `id` or workflow is looked for in every key of one index, and only the jobs that match are fetched: up to half a second of a million; with `workflow` only the keys of that workflow, so give it to `getOrCreate` too. Everything else, as a value in `data`, is looked for in every job, or every job of the workflow, once: a second or more of a million.',
    "Whoever often asks for one key of `data` can make an index for it, in SQL: `create index on job ((data #> '{x}'))` serves `equals`, `in`, `lt` and the like of `data.x`. Each lease and each commit then costs about a tenth more.",
    '## Examples',
    'Each is a program: `node FILE` runs it (Node 22.18 or newer) in this checkout, or where the package is installed, after `source balsamactivate`.',
    ...examples(),
    ...names.map(section),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Which comparisons each kind of field takes. */
function lookups() {
  const kinds = {
    text: 'text',
    state: '`state`',
    uuid: '`id`',
    int: 'a number',
    time: 'a time',
    bool: 'true or false',
    uuids: '`parents`',
    json: '`data` as a whole',
  };
  const rows = Object.entries(kinds).map(([type, words]) => `| ${words} | ${WORDS[type].join(', ')} |`);
  return ['| field | comparisons |', '|---|---|', ...rows].join('\n');
}

/** The names that the entry exports, with the file that declares each, in its order. */
function exported(index) {
  return [...index.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)].flatMap(([, list, from]) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean)
      .map((name) => ({
        name,
        file: path.join('src/client', from).replace(/\.ts$/, '.d.ts'),
      })),
  );
}

function section({ name, file }) {
  const declaration = find(readFileSync(`${types}/${file}`, 'utf8'), name, file);
  const { doc, lines } = declaration;
  const heading = [`## ${name}`, doc].filter(Boolean);
  const [first = ''] = lines;
  if (!/\b(?:class|interface)\b/.test(first)) return [...heading, code(lines)].join('\n\n');
  const body = members(lines.slice(1, -1));
  const plain = body.filter((member) => member.doc === '').map((member) => member.code);
  return [
    ...heading,
    code([first.replace(/^export (?:declare )?/, '').replace(/ \{$/, '')]),
    ...body.filter((member) => member.doc !== '').map((member) => `${code(member.code)}\n${member.doc}`),
    ...(plain.length === 0 ? [] : [code(plain.flat())]),
  ].join('\n\n');
}

/** The statement that declares `name`, with the comment before it. */
function find(source, name, file) {
  const lines = source.split('\n');
  const declares = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) ${name}\\b`,
  );
  const at = lines.findIndex((line) => declares.test(line));
  if (at < 0) throw new Error(`${file} does not declare ${name}`);
  let end = at;
  // A statement ends at the first line that is not indented and closes it.
  while (!(/^\S/.test(lines[end]) && /(?:;|^\}|\{\})$/.test(lines[end]))) end += 1;
  return { doc: commentBefore(lines, at), lines: lines.slice(at, end + 1) };
}

/** The members of a class or interface: each with its comment; private ones are left out. */
function members(lines) {
  const found = [];
  for (let i = 0; i < lines.length; i += 1) {
    if (!/^ {4}\S/.test(lines[i]) || /^ {4}(?:\/?\*| \*|#private|private )/.test(lines[i])) continue;
    let end = i;
    while (!/^ {4}\S.*;$|^ {4}\};?$/.test(lines[end])) end += 1;
    const doc = commentBefore(lines, i);
    found.push({ doc, code: lines.slice(i, end + 1).map((line) => line.slice(4)) });
    i = end;
  }
  return found;
}

function commentBefore(lines, at) {
  if (!(lines[at - 1] ?? '').trim().endsWith('*/')) return '';
  let from = at - 1;
  while (!lines[from].trim().startsWith('/**')) from -= 1;
  return comment(lines.slice(from, at).join('\n'));
}

/** The text of a doc comment, a paragraph a line. */
function comment(source) {
  return source
    .replace(/^\s*\/\*\*\s?|\s*\*\/\s*$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trim())
    .join('\n')
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replaceAll('\n', ' ').trim())
    .join('\n\n');
}

function code(lines) {
  return ['```ts', ...lines.map((line) => line.replace(/^declare |^export (?:declare )?/, '')), '```'].join(
    '\n',
  );
}

/** Each program of examples/api: its first comment is the text, the rest the code. */
function examples() {
  const directory = `${root}examples/api`;
  return readdirSync(directory)
    .toSorted()
    .map((name) => {
      const source = readFileSync(`${directory}/${name}`, 'utf8');
      const [head] = /^\/\*\*[^]*?\*\/\n/.exec(source) ?? [];
      if (head === undefined) throw new Error(`examples/api/${name} has no comment at its head`);
      return `**${name}**: ${comment(head)}\n\n\`\`\`ts\n${source.slice(head.length).trim()}\n\`\`\``;
    });
}
