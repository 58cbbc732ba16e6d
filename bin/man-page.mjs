// Writes docs/balsam.1 from the definitions of the commands and the pages of `balsam help`, so that it never says anything
// else than they do. `--check` writes nothing and fails when the page is not what it would write. Run by `npm run generate`
// and `npm run verify:generated`. Plain man macros, no date: the same sources give the same page.
import { readFileSync } from 'node:fs';
import { COMMANDS } from '../src/cli/commands.ts';
import { commandOf } from '../src/cli/seldom.ts';
import { topicText } from '../src/cli/input/topics.ts';
import { publish, root } from './generated.mjs';

const { version, description } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** The pages of `balsam help` as sections, under the names that man pages give them. */
const SECTIONS = {
  filters: 'CHOOSING JOBS',
  fields: 'FIELDS',
  states: 'STATES',
  json: 'JSON',
  completion: 'COMPLETION',
  environment: 'ENVIRONMENT',
  'exit-codes': 'EXIT STATUS',
  tour: 'EXAMPLES',
};

const lines = [
  '.\\" Made by `npm run generate` from the definitions of the commands; do not edit.',
  `.TH BALSAM 1 "" "balsam ${version}" "User Commands"`,
  '.SH NAME',
  'balsam \\- run thousands to millions of jobs inside batch allocations',
  '.SH SYNOPSIS',
  '.B balsam',
  '.I COMMAND',
  '.RI [ options ]',
  '.br',
  '.B balsam help',
  '.RI [ COMMAND | TOPIC ]',
  '.br',
  '.B source balsamactivate',
  '.I PATH',
  '.SH DESCRIPTION',
  roff(description),
  '.PP',
  roff(
    'Long options may be shortened while they stay unique; in names of commands and options - and _ are alike.',
  ),
  '.SH COMMANDS',
];
for (const [name, { about }] of Object.entries(COMMANDS)) lines.push(...(await commandLines(name, about)));
for (const [topic, title] of Object.entries(SECTIONS))
  lines.push(`.SH ${title}`, ...pageLines(topicText(topic, [])));
lines.push(
  '.SH SEE ALSO',
  roff('README.md, docs/json.md and docs/report.md of the package; balsam help TOPIC.'),
);
publish('docs/balsam.1', `${lines.join('\n')}\n`);

/** Text as roff: nothing in it is a request, every dash is one that can be typed again. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(
      /[^\n\u0020-\u007e]/gu,
      (c) => `\\[u${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll(/^(?=[.'])/gm, '\\&');
}

async function commandLines(name, about) {
  const { args = {} } = await commandOf(name);
  const all = Object.entries(args);
  const words = all.filter(([, def]) => def.type === 'positional');
  const options = all.filter(([, def]) => def.type !== 'positional');
  const synopsis = words.map(([key, def]) => {
    const word = key.toUpperCase();
    return def.required === false || def.default !== undefined ? `[${word}]` : word;
  });
  return [
    `.SS ${roff(['balsam', name, ...synopsis, ...(options.length > 0 ? ['[options]'] : [])].join(' '))}`,
    roff(`${about[0].toUpperCase()}${about.slice(1)}.`),
    ...words.flatMap(([key, def]) => tagged(`\\fI${roff(key.toUpperCase())}\\fR`, def.description)),
    ...options.flatMap(([key, def]) => tagged(optionTag(key, def), aboutOf(def))),
  ];
}

/** `-n, --nodes N`, the option in bold, its value in italics. */
function optionTag(key, def) {
  const names = [...[def.alias ?? []].flat(), key].toSorted((a, b) => a.length - b.length);
  const spelt = names.map(
    (n) => `\\fB${roff(`${n.length === 1 ? '-' : '--'}${n.replaceAll('_', '-')}`)}\\fR`,
  );
  const value = def.type === 'enum' ? def.options.join('|') : (def.valueHint ?? 'VALUE');
  return def.type === 'boolean' ? spelt.join(', ') : `${spelt.join(', ')} \\fI${roff(value)}\\fR`;
}

function aboutOf({ description = '', default: preset, required }) {
  const notes = [
    required === true ? 'required' : '',
    [undefined, '', false].includes(preset) ? '' : `default ${preset}`,
  ].filter(Boolean);
  return `${description}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

function tagged(tag, text = '') {
  return ['.TP', tag, roff(text)];
}

/**
 * A page of `balsam help`: paragraphs are filled, examples (`  $ …`) stand as they are, and lines of two columns become tags
 * with their text.
 */
function pageLines(text) {
  return text
    .trimEnd()
    .split(/\n{2,}/)
    .flatMap((block) => {
      const rows = block.split('\n');
      if (rows.every((row) => row.startsWith('  $ '))) return ['.PP', '.EX', ...rows.map(roff), '.EE'];
      const columns = rows.map((row) => /^ *(\S.*?) {2,}(\S.*)$/.exec(row.replace(/ +→ /, ' → ')));
      if (columns.every((found) => found !== null))
        return columns.flatMap(([, tag, rest]) =>
          tagged(`\\fB${roff(tag)}\\fR`, rest.replaceAll(/ {2,}/g, ' ')),
        );
      return ['.PP', ...rows.map((row) => roff(row.trim()))];
    });
}
