/**
 * Makes the batch script of a launch: a template with `{{name}}` places, filled in and written to
 * PATH/qsubmit/qlaunch<N>.sh. A value stands there quoted for the shell, so that a workflow called `a; rm -rf ~` stays a
 * word; `{{{name}}}` puts it bare, for the comment lines of a batch system's header, and then it may not hold a newline.
 * Sites replace the template: the setting `job_template`, or job-templates/<scheduler>.tmpl in the database directory.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT_FAILED, UserError, messageOf } from '../base/errors.ts';
import type { BatchSettings } from './settings.ts';

/** What a template can name; the original's variables, and below them ours. */
export interface ScriptValues {
  project: string;
  queue: string;
  nodes: number;
  /** Whole, as batch systems want them. */
  time_minutes: number;
  job_mode: string;
  /** `consume-all` or `wf-filter=TEXT`: what follows `--` on the launcher's command line. */
  wf_filter: string;
  sched_flags: string;
  /** Directory of the command `balsam`. */
  balsam_bin: string;
  balsam_db_path: string;
  /** The Node that runs this. */
  balsam_node: string;
  /** Directory of that Node. */
  balsam_node_bin: string;
  /** Name of the batch job: qlaunch<N>. */
  name: string;
  /** Where its output goes. */
  output: string;
  /** The launcher's own limit, with a fraction: not more than time_minutes. */
  limit_minutes: number;
}

const LOCAL_TEMPLATE = `#!/bin/bash
# {{{name}}}: a Balsam launch on this machine, in the background; its output goes to {{{name}}}.out.
# Queue {{{queue}}}, project {{{project}}} (recorded only: this machine has no batch system).

PATH={{balsam_bin}}:{{balsam_node_bin}}:$PATH
BALSAM_DB_PATH={{balsam_db_path}}
BALSAM_NODE={{balsam_node}}
export PATH BALSAM_DB_PATH BALSAM_NODE

# exec: signals for this process group's leader reach the launcher.
exec balsam launcher --{{wf_filter}} --job-mode {{job_mode}} --time-limit-minutes {{limit_minutes}} --nodes {{nodes}}
`;

const BUILT_IN: ReadonlyMap<string, string> = new Map([['local', LOCAL_TEMPLATE]]);

/** Words that a shell reads as they are. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** `text` as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Fills in a template. UserError names a place that is no variable, and a bare value with a newline. */
export function renderTemplate(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(
    /\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\}/g,
    (_place, bare?: string, quoted?: string) => {
      const name = (bare ?? quoted ?? '').trim();
      if (!Object.hasOwn(values, name)) {
        throw new UserError(
          `the template of the batch script has {{${name}}}; it can name ${Object.keys(values).join(', ')}`,
        );
      }
      const value = String(values[name]);
      if (value.includes('\0')) throw new UserError(`${name} holds a NUL byte`);
      if (bare === undefined) return shellQuote(value);
      if (/[\r\n]/.test(value))
        throw new UserError(`${name} holds a line break; it stands in a line of its own in the batch script`);
      return value;
    },
  );
}

/** The template for `scheduler` in the database at `root`. UserError when a named one can't be read. */
export function findTemplate(root: string, scheduler: string, settings: BatchSettings): string {
  const named = settings.job_template;
  const file =
    named === null ? path.join(root, 'job-templates', `${scheduler}.tmpl`) : path.resolve(root, named);
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const builtIn = BUILT_IN.get(scheduler);
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (named === null && missing && builtIn !== undefined) return builtIn;
    throw new UserError(`can't read the template of the batch script: ${messageOf(error)}`, EXIT_FAILED);
  }
}

/** Writes the script, executable, and returns its path. Written beside and renamed: nobody runs a part of it. */
export function writeScript(root: string, name: string, text: string): string {
  const script = path.join(root, 'qsubmit', `${name}.sh`);
  try {
    fs.mkdirSync(path.dirname(script), { recursive: true });
    fs.writeFileSync(`${script}.tmp`, text, { mode: 0o755 });
    fs.chmodSync(`${script}.tmp`, 0o755);
    fs.renameSync(`${script}.tmp`, script);
  } catch (error) {
    throw new UserError(`can't write ${script}: ${messageOf(error)}`, EXIT_FAILED);
  }
  return script;
}

/** The directory of the command `balsam` of this installation: `bin` above this file, or above the bundle. */
export function balsamBin(): string {
  let at = path.dirname(fileURLToPath(import.meta.url));
  while (!fs.existsSync(path.join(at, 'bin', 'balsam'))) {
    const above = path.dirname(at);
    if (above === at) throw new Error('bin/balsam is missing from this installation');
    at = above;
  }
  return path.join(at, 'bin');
}
