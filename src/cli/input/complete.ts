/**
 * What may follow what was typed so far: the answer to the completion scripts. It says nothing rather than something
 * wrong, asks the database only when its server runs, and never starts one: somebody pressed a key.
 */
import type { ArgDef, ArgsDef, CommandDef } from 'citty';
import { COMPLETION_MAX, COMPLETION_NEWEST } from '../../base/client-limits.ts';
import { ID_DIGITS, shortId } from '../../model/job-directory.ts';
import { SETTABLE_STATES, JOB_STATES } from '../../model/job.ts';
import { EVERYTHING } from '../../model/query.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { commandNamed, COMMANDS } from '../commands.ts';
import { SHELLS } from '../commands/completion.ts';
import { TOPICS } from './topics.ts';

export interface Suggestion {
  readonly value: string;
  readonly about: string;
}

/** Suggestions for the last of `words`, which follow `balsam`; the last one is '' when a new word begins. */
export async function complete(
  words: readonly string[],
  commandOf: (name: string) => Promise<CommandDef | null>,
): Promise<Suggestion[]> {
  const typed = rejoined(words);
  const last = typed.at(-1) ?? '';
  if (typed.length <= 1) return starting(last, commandNames());
  const name = commandNamed(typed[0] ?? '');
  if (name === 'help') return starting(last, [...commandNames(), ...TOPICS.map((topic) => plain(topic))]);
  const command = await commandOf(name);
  if (command === null) return [];
  const args = (typeof command.args === 'function' ? await command.args() : await command.args) ?? {};
  const [option, value] = splitOption(last);
  if (option !== null && value !== null) {
    const values = await valuesOf(name, keyOf(args, option), args, value, typed);
    return values.map((one) => ({ ...one, value: `${option}=${one.value}` }));
  }
  if (last.startsWith('-')) return starting(last, optionsOf(args, typed));
  const before = typed.at(-2) ?? '';
  const key = before.startsWith('-') ? keyOf(args, before) : null;
  if (key !== null && args[key]?.type !== 'boolean') return valuesOf(name, key, args, last, typed);
  return valuesOf(name, positionalAt(args, typed), args, last, typed);
}

/** bash cuts `--state=F` into three words. */
function rejoined(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const word of words) {
    const before = joined.at(-1);
    if (before?.startsWith('--') === true && (word === '=' || before.endsWith('=')))
      joined[joined.length - 1] = before + word;
    else joined.push(word);
  }
  return joined;
}

function plain(value: string, about = ''): Suggestion {
  return { value, about };
}

function starting(typed: string, among: readonly Suggestion[]): Suggestion[] {
  const fold = (text: string): string => text.toLowerCase().replaceAll('_', '-');
  return among.filter(({ value }) => fold(value).startsWith(fold(typed)));
}

function commandNames(): Suggestion[] {
  return [
    ...Object.entries(COMMANDS).map(([name, { about }]) => ({ value: name, about })),
    plain('help', 'explain a command or a topic'),
  ];
}

function splitOption(word: string): [option: string | null, value: string | null] {
  const cut = word.indexOf('=');
  return word.startsWith('--') && cut > 0 ? [word.slice(0, cut), word.slice(cut + 1)] : [null, null];
}

function shown(key: string): string {
  return `--${key.replaceAll('_', '-')}`;
}

/** The key of an option as it was typed, by its name or an alias; null when there is none. */
function keyOf(args: ArgsDef, typed: string): string | null {
  const name = typed.replace(/^--?/, '').replaceAll('_', '-');
  const found = Object.entries(args).find(([key, def]) => {
    const aliases = 'alias' in def ? [def.alias ?? []].flat() : [];
    return def.type !== 'positional' && (key.replaceAll('_', '-') === name || aliases.includes(name));
  });
  return found?.[0] ?? null;
}

/** Options that were not given yet. */
function optionsOf(args: ArgsDef, typed: readonly string[]): Suggestion[] {
  const given = new Set(typed.slice(1, -1).map((word) => keyOf(args, splitOption(word)[0] ?? word)));
  return Object.entries(args)
    .filter(([key, def]) => def.type !== 'positional' && !given.has(key))
    .map(([key, def]) => ({ value: shown(key), about: def.description ?? '' }));
}

/** The key of the positional that the last word would be. */
function positionalAt(args: ArgsDef, typed: readonly string[]): string | null {
  return (
    Object.keys(args).filter((key) => args[key]?.type === 'positional')[
      positionalsOf(args, typed).length - 1
    ] ?? null
  );
}

/** The words that are no options and no values of options, the last one included. */
function positionalsOf(args: ArgsDef, typed: readonly string[]): string[] {
  return typed.slice(1).filter((word, i) => {
    if (word.startsWith('-') && i < typed.length - 2) return false;
    const before = typed[i] ?? '';
    const key = i > 0 && before.startsWith('-') && !before.includes('=') ? keyOf(args, before) : null;
    return key === null || args[key]?.type === 'boolean';
  });
}

const LISTS: { readonly [command: string]: readonly string[] } = {
  ls: ['jobs', 'apps', 'wf', 'queues', 'launchers'],
  rm: ['jobs', 'apps'],
};

async function valuesOf(
  command: string,
  key: string | null,
  args: ArgsDef,
  typed: string,
  words: readonly string[],
): Promise<Suggestion[]> {
  if (key === null) return [];
  const def: ArgDef | undefined = args[key];
  if (def !== undefined && 'options' in def)
    return starting(
      typed,
      (def.options ?? []).map((one) => plain(one)),
    );
  switch (key) {
    case 'what':
      return starting(
        typed,
        (LISTS[command] ?? []).map((one) => plain(one)),
      );
    case 'shell':
      return starting(
        typed,
        SHELLS.map((one) => plain(one)),
      );
    case 'state':
      return starting(
        typed,
        JOB_STATES.map((one) => plain(one)),
      );
    case 'field':
    case 'attr':
      return starting(typed, await fieldNames());
    case 'to':
      return starting(typed, await fieldValues(positionalsOf(args, words)[1] ?? ''));
    case 'wf':
    case 'workflow':
    case 'wf-filter':
      return starting(typed, await fromDatabase(workflowNames));
    case 'application':
      return starting(typed, await fromDatabase(applicationNames));
    case 'job':
      return fromDatabase((db) => namesAndIds(db, typed));
    case 'id':
      // The others' --id is a filter.
      return fromDatabase((db) => (command === 'killjob' ? namesAndIds(db, typed) : jobIds(db, typed)));
    default:
      return [];
  }
}

async function fieldNames(): Promise<Suggestion[]> {
  const { WRITABLE_FIELDS } = await import('../../store/rows.ts');
  return [...WRITABLE_FIELDS, 'state'].map((one) => plain(one));
}

async function fieldValues(field: string): Promise<Suggestion[]> {
  if (field === 'state') return [...SETTABLE_STATES, 'USER_KILLED'].map((one) => plain(one));
  if (field === 'application') return fromDatabase(applicationNames);
  const { isJobField, JOB_FIELDS } = await import('../../store/rows.ts');
  const isFlag = isJobField(field) && JOB_FIELDS[field].type === 'bool';
  return isFlag ? [plain('true'), plain('false')] : [];
}

async function workflowNames(db: OpenDatabase): Promise<Suggestion[]> {
  const { workflows } = await import('../../store/jobs/change.ts');
  return (await workflows(db)).map((name) => plain(name));
}

async function applicationNames(db: OpenDatabase): Promise<Suggestion[]> {
  const { listApplications } = await import('../../store/applications.ts');
  return (await listApplications(db)).map(({ name, description }) => ({ value: name, about: description }));
}

async function namesAndIds(db: OpenDatabase, typed: string): Promise<Suggestion[]> {
  return [...(await jobNames(db, typed)), ...(await jobIds(db, typed))];
}

/** Names that one of the newest jobs has alone: to look through all jobs at a key is too much. */
async function jobNames(db: OpenDatabase, typed: string): Promise<Suggestion[]> {
  const { listJobs } = await import('../../store/jobs/list.ts');
  const jobs = await listJobs(
    db,
    { where: EVERYTHING, orderBy: [], reversed: true, limit: COMPLETION_NEWEST },
    ['job_id', 'name', 'state'],
  );
  return [...Map.groupBy(jobs, ({ name }) => name)].flatMap(([value, [job, ...others]]) =>
    job === undefined || others.length > 0 || !value.startsWith(typed)
      ? []
      : [{ value, about: `${shortId(job.job_id)} ${job.state}` }],
  );
}

async function jobIds(db: OpenDatabase, typed: string): Promise<Suggestion[]> {
  const [{ listJobs }, { idsFrom }] = await Promise.all([
    import('../../store/jobs/list.ts'),
    import('./one-job.ts'),
  ]);
  const where = idsFrom(typed);
  if (where === null) return [];
  const jobs = await listJobs(db, { where, orderBy: [['created_at', 'desc']], limit: COMPLETION_MAX }, [
    'job_id',
    'name',
    'state',
  ]);
  // The first digits suffice, as in every other place, until more were typed.
  return jobs.map(({ job_id, name, state }) => ({
    value: typed.length > ID_DIGITS ? job_id : shortId(job_id),
    about: `${name} ${state}`,
  }));
}

/** What the database says, when its server runs; nothing otherwise. Names that would break a line are left out. */
async function fromDatabase(ask: (db: OpenDatabase) => Promise<Suggestion[]>): Promise<Suggestion[]> {
  try {
    const [{ findDatabasePath }, { openDatabase }, { serverStatus }] = await Promise.all([
      import('../../server/layout.ts'),
      import('../../server/open.ts'),
      import('../../server/server.ts'),
    ]);
    const root = findDatabasePath();
    const status = await serverStatus(root);
    if (status.state !== 'running' && status.answers !== true) return [];
    await using db = await openDatabase({
      path: root,
      applicationName: 'balsam completion',
      role: 'client',
      max: 1,
    });
    const found = await ask(db);
    return found
      .filter(({ value }) => value !== '' && !/\p{Cc}/u.test(value))
      .slice(0, COMPLETION_MAX)
      .map(({ value, about }) => ({ value, about: about.replaceAll(/\p{Cc}/gu, ' ') }));
  } catch {
    return [];
  }
}
