/**
 * `balsam modify JOB FIELD VALUE`: changes one field of a job or an application. The text that was typed is converted by
 * the field's type, and refused when it is none: no value is ever guessed.
 */
import fs from 'node:fs';
import { defineCommand } from 'citty';
import { SHOWN_VALUE } from '../../base/client-limits.ts';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { readInteger } from '../../base/numbers.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { environText, parseEnvironVars } from '../../model/environ-vars.ts';
import { shortId } from '../../model/job-directory.ts';
import { SETTABLE_STATES } from '../../model/job.ts';
import { isJsonObject } from '../../model/json.ts';
import { notYetSupported } from '../../model/not-yet.ts';
import { byIds } from '../../model/query.ts';
import type { JsonObject, JsonValue } from '../../model/query.ts';
import { getApplication, listApplications } from '../../store/applications.ts';
import { killJobs, updateJob } from '../../store/jobs/change.ts';
import type { JobChange } from '../../store/jobs/change.ts';
import { putState } from '../../store/jobs/put-state.ts';
import { fieldFault, wantedOf } from '../../store/jobs/values.ts';
import { isJobField, isWritableField, JOB_FIELDS } from '../../store/rows.ts';
import type { FieldSpec, JobRow, WritableField } from '../../store/rows.ts';
import { clip, cute, escaped, fieldText, isLsField, spacedJson } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { modifyApplication } from './modify-app.ts';
import { NAMES_A_JOB, theJob } from '../input/one-job.ts';
import { stateNamed } from '../input/select.ts';
import { typedBytes } from '../input/typed-bytes.ts';
import { printLine, withDatabase } from '../output/terminal.ts';

export const modifyCommand = defineCommand({
  meta: { name: 'modify', description: 'Change a field of a job or an application' },
  args: {
    job: {
      type: 'positional',
      required: true,
      description: `${NAMES_A_JOB}; of an application its number or name`,
    },
    field: {
      type: 'positional',
      required: false,
      description: 'field to change; data.KEY for one key of data, environ_vars.NAME for one variable',
    },
    to: {
      type: 'positional',
      required: false,
      description: 'its new value; for data, - reads it from stdin',
    },
    last: {
      type: 'positional',
      required: false,
      description: 'the value, when `jobs` or `apps` stands before JOB',
    },
    type: { type: 'enum', options: ['jobs', 'apps'], default: 'jobs', description: 'what JOB names' },
    attr: { type: 'string', description: 'the field, when not given by place' },
    value: { type: 'string', description: 'the value, when not given by place' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const { type, id, field, value } = wordsOf(args);
    const json = args.json === true;
    await withDatabase(async (db) => {
      if (type === 'apps') {
        return modifyApplication(db, id, field, value, json);
      }
      await modifyJob(db, id, field, value, json);
    });
  },
});

interface Typed {
  readonly job: string;
  readonly field?: string | undefined;
  readonly to?: string | undefined;
  readonly last?: string | undefined;
  readonly type: string;
  readonly attr?: string | undefined;
  readonly value?: string | undefined;
}

/** `JOB FIELD VALUE`, or the other spelling of the original's pages: `jobs JOB --attr FIELD --value VALUE`. */
function wordsOf(typed: Typed): { type: string; id: string; field: string; value: string } {
  const words = [typed.job, typed.field, typed.to, typed.last].filter((word) => word !== undefined);
  const named = { job: 'jobs', jobs: 'jobs', app: 'apps', apps: 'apps' }[words[0] ?? ''];
  const type = named ?? typed.type;
  if (named !== undefined) words.shift();
  const id = words.shift();
  const field = typed.attr ?? words.shift();
  const value = typed.value ?? words.shift();
  if (id === undefined || field === undefined || value === undefined || words.length > 0) {
    throw new UserError('modify needs JOB FIELD VALUE, as in `balsam modify 3f2a num_nodes 4`');
  }
  return { type, id, field, value };
}

async function modifyJob(
  db: OpenDatabase,
  id: string,
  typed: string,
  text: string,
  json: boolean,
): Promise<void> {
  const [name = '', ...keys] = typed.split('.');
  const field = name.replaceAll('-', '_').toLowerCase();
  if (!isJobField(field)) {
    throw new UserError(
      `a job has no field ${JSON.stringify(name)}${didYouMean(name, Object.keys(JOB_FIELDS))}`,
    );
  }
  if (field === 'state') return modifyState(db, id, text, json);
  if (!isWritableField(field)) throw new UserError(`${field} of a job cannot be changed`);
  if (keys.length > 0 && field !== 'data' && field !== 'environ_vars')
    throw new UserError(
      `${field} has nothing inside: only data has keys (data.KEY), and environ_vars variables (environ_vars.NAME)`,
    );
  if (keys.length > 0 && field === 'environ_vars') return modifyVariable(db, id, keys.join('.'), text, json);
  const given = field === 'data' && text === '-' ? fs.readFileSync(0, 'utf8') : text;
  const value = keys.length > 0 ? keyValue(given) : valueOf(field, given);
  const wish = notYetSupported({ [field]: value }, null);
  if (wish !== null) throw new UserError(wish);
  const job = await theJob(db, id, ['data']);
  if (field === 'application') await checkApplication(db, text);
  const changed = await updateJob(db, job.job_id, changeOf(field, keys.join('.'), value, job.data));
  const shown = keys.length > 0 ? changed.data[keys.join('.')] : changed[field];
  const asText = keys.length > 0 || !isLsField(field) ? spacedJson(shown) : fieldText(changed, field);
  await said(json, job, typed, shown ?? null, field === 'environ_vars' ? asText + namesOf(asText) : asText);
}

/** Which variables were read, where there are several: a value that holds `:NAME=` may have been meant as one. */
function namesOf(text: string): string {
  const names = [...parseEnvironVars(text).keys()];
  return names.length > 1 ? `  (${names.length} variables: ${names.join(', ')})` : '';
}

/** One variable, whatever its value holds; the others stay. */
async function modifyVariable(
  db: OpenDatabase,
  id: string,
  name: string,
  text: string,
  json: boolean,
): Promise<void> {
  const job = await theJob(db, id, ['environ_vars']);
  const variables = parseEnvironVars(job.environ_vars).set(name, typedBytes(text));
  const environ_vars = environText(variables);
  await updateJob(db, job.job_id, { fields: { environ_vars }, dataSet: {}, dataRemoved: [] });
  await said(json, job, `environ_vars.${name}`, text, text);
}

function said(
  json: boolean,
  job: { job_id: string; name: string },
  field: string,
  value: unknown,
  text: string,
): Promise<void> {
  if (!json) return printLine(`job ${escaped(field)} changed to:  ${escaped(text)}`);
  return printLine(jsonLine('modified', { what: 'job', id: job.job_id, name: job.name, field, value }));
}

function changeOf(
  field: WritableField,
  key: string,
  value: JobRow[WritableField] | JsonValue,
  before: JsonObject,
): JobChange {
  if (field !== 'data') return { fields: { [field]: value }, dataSet: {}, dataRemoved: [] };
  if (key !== '') return { fields: {}, dataSet: { [key]: value as JsonValue }, dataRemoved: [] };
  const wanted = value as JsonObject;
  const removed = Object.keys(before).filter((name) => !Object.hasOwn(wanted, name));
  return { fields: {}, dataSet: wanted, dataRemoved: removed };
}

async function checkApplication(db: OpenDatabase, name: string): Promise<void> {
  const application = await getApplication(db, name);
  if (application === null) {
    const known = (await listApplications(db)).map((app) => app.name);
    throw new UserError(`no application named ${name} is registered${didYouMean(name, known)}`, EXIT_FAILED);
  }
  const missing = notYetSupported({}, application);
  if (missing !== null) throw new UserError(missing);
}

/** One key of data: JSON where the text is JSON, else the text itself. */
function keyValue(text: string): JsonValue {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    return text;
  }
}

const TRUE = ['true', 'yes', 'on', '1'];
const FALSE = ['false', 'no', 'off', '0'];

/** `text` as a value of the field's type; UserError naming field, value and what it takes. */
export function valueOf(field: WritableField, text: string): JobRow[WritableField] {
  const spec: FieldSpec = JOB_FIELDS[field];
  const wrong = (wanted: string): UserError =>
    new UserError(`${field} must be ${wanted}, not ${JSON.stringify(clip(text, SHOWN_VALUE))}`);
  const value = converted(spec, text);
  if (value === undefined) throw wrong(wantedOf(field));
  const fault = fieldFault(field, value, field);
  if (fault !== null) throw spec.type === 'int' ? wrong(wantedOf(field)) : new UserError(fault);
  return value;
}

/** `text` read as this type; undefined when it is none. */
function converted(spec: FieldSpec, text: string): JobRow[WritableField] | undefined {
  switch (spec.type) {
    case 'int':
      if (spec.default === null && ['null', 'none', ''].includes(text.toLowerCase())) return null;
      return readInteger(text) ?? undefined;
    case 'bool': {
      const word = text.trim().toLowerCase();
      if (!TRUE.includes(word) && !FALSE.includes(word)) return undefined;
      return TRUE.includes(word);
    }
    case 'json': {
      const value = jsonOf(text);
      return isJsonObject(value) ? value : undefined;
    }
    case 'uuids': {
      const list = text.trim().startsWith('[') ? jsonOf(text) : text.split(/[\s,]+/).filter(Boolean);
      return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
    }
    case 'text':
    case 'uuid':
    case 'time':
    case 'state':
      return text;
  }
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

async function modifyState(db: OpenDatabase, id: string, text: string, json: boolean): Promise<void> {
  const state = stateNamed('state', text);
  const job = await theJob(db, id, ['state', 'launcher']);
  if (job.state === 'USER_KILLED' && state !== 'USER_KILLED')
    throw new UserError(
      `Cannot mutate state of a killed job: ${cute(job)}; \`balsam reset ${shortId(job.job_id)}\` begins it anew`,
      EXIT_FAILED,
    );
  if (state === 'USER_KILLED') {
    await killJobs(db, byIds([job.job_id]));
    return said(json, job, 'state', state, state);
  }
  const to = SETTABLE_STATES.find((settable) => settable === state);
  if (to === undefined)
    throw new UserError(
      `state cannot be set to ${state}: nothing would move the job on from there; it can be set to ${SETTABLE_STATES.join(', ')} or USER_KILLED`,
    );
  const { moved } = await putState(db, byIds([job.job_id]), {
    from: [job.state],
    to,
    afresh: false,
    message: 'User mutated state from command line',
  });
  if (moved.length === 0) {
    const why =
      job.launcher === null
        ? 'it changed at this moment; look again'
        : `launcher ${job.launcher} holds it; kill it first`;
    throw new UserError(`the state of job ${cute(job)} was not changed: ${why}`, EXIT_FAILED);
  }
  await said(json, job, 'state', to, to);
}
