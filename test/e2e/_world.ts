/**
 * One world for each test file of this folder: a database made by `balsam init` with a Postgres of its own, scripts that
 * run as jobs, and launchers started through bin/balsam as a person would. What is waited for has a deadline.
 *
 * `close` ends what the world started and says what was left behind: processes, socket directories, keys, lines of logs
 * that name no rule of the protocol. It must never touch a process that is not of this world, which is known by the
 * world's own path in its environment or argv.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openDatabase, type OpenDatabase } from '../../src/server/open.ts';
import { byIds, queryOf, all } from '../../src/model/query.ts';
import { filed, jobDirectory, outputName, type FiledJob } from '../../src/model/job-directory.ts';
import type { JobState } from '../../src/model/job.ts';
import { insertApplication } from '../../src/store/applications.ts';
import { history } from '../../src/store/history/lines.ts';
import { countByState, getJobs, insertJobs } from '../../src/store/jobs/change.ts';
import type { HistoryLine, JobRow, NewJob } from '../../src/store/rows.ts';
import { newId } from '../../src/base/ids.ts';
import { linesWithoutRule } from './_log.ts';
import { submitLocally } from '../helpers/directory.ts';
import { cleanEnvironment, ROOT, run, type Ran, type RunOptions } from '../helpers/program.ts';

/** Two busy cores. */
export const DEADLINE_MS = 60_000;
const POLL_MS = 20;

/** A fresh world; UserError-like failure when the bundle was not made. */
export async function makeWorld(): Promise<World> {
  if (!fs.existsSync(path.join(ROOT, 'dist/cli.js')))
    throw new Error('dist/ is missing: run `npm run build` first');
  const home = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-e2e-'));
  // As root Postgres runs under an account of its own, which must be able to pass through.
  await fs.promises.chmod(home, 0o711);
  const world = new World(home);
  const made = await world.balsam(['init', world.dbPath]);
  if (made.code !== 0) throw new Error(`balsam init failed: ${made.err}`);
  submitLocally(world.dbPath);
  await world.open();
  return world;
}

export class World {
  readonly home: string;
  readonly dbPath: string;
  /** Done at the end, when the server has stopped and before the files are removed. */
  readonly atClose: (() => void)[] = [];
  readonly #launchers: Launcher[] = [];
  #db: OpenDatabase | null = null;

  constructor(home: string) {
    this.home = home;
    this.dbPath = path.join(home, 'db');
  }

  /** Where jobs keep their locks. */
  get ticks(): string {
    return path.join(this.home, 'locks');
  }

  /** For reading and for making jobs; the commands under test have connections of their own. */
  get db(): OpenDatabase {
    if (!this.#db) throw new Error('the world is not open');
    return this.#db;
  }

  /** Opens it, or anew: a connection may keep the last words of a server that panicked for its next statement. */
  async open(): Promise<void> {
    await this.#db?.close();
    this.#db = await openDatabase({ path: this.dbPath, applicationName: 'e2e', role: 'client', max: 2 });
  }

  /** The environment of a shell in which this database is active. */
  env(extra: Record<string, string | undefined> = {}): Record<string, string | undefined> {
    const bin = path.join(ROOT, 'bin');
    return {
      PATH: `${bin}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
      BALSAM_DB_PATH: this.dbPath,
      BALSAM_HOME: path.join(this.home, 'balsam-home'),
      ...extra,
    };
  }

  balsam(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env = this.env(options.env);
    return run(path.join(ROOT, 'bin/balsam'), args, { cwd: this.home, ...options, env });
  }

  /** Starts `balsam launcher …` and returns at once; from a line of bash where that is given, as `"$@"`. */
  launcher(
    args: readonly string[],
    extra: {
      env?: Record<string, string>;
      uid?: number;
      gid?: number;
      bash?: string;
      stdio?: StdioOptions;
    } = {},
  ): Launcher {
    const { env, bash, ...as } = extra;
    const words = [path.join(ROOT, 'bin/balsam'), 'launcher', ...args];
    const [file = '', ...rest] = bash === undefined ? words : ['/bin/bash', '-c', bash, 'bash', ...words];
    const child = spawn(file, rest, {
      cwd: this.home,
      env: cleanEnvironment(this.env(env)),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...as,
    });
    const launcher = new Launcher(child);
    this.#launchers.push(launcher);
    return launcher;
  }

  /** A program that jobs run. */
  async script(name: string, text: string): Promise<string> {
    const file = path.join(this.home, name);
    await fs.promises.writeFile(file, text.startsWith('#!') ? text : `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  }

  /** Registers an application that is this shell script. */
  async app(name: string, text: string, fields: { envscript?: string } = {}): Promise<void> {
    await this.command(name, await this.script(`${name}.sh`, text), fields);
  }

  /** Registers an application that is this command line. */
  async command(name: string, executable: string, fields: { envscript?: string } = {}): Promise<void> {
    await insertApplication(this.db, { name, executable, envscript: fields.envscript ?? '' });
  }

  /** Makes jobs; each may leave out what does not matter to it. Returns their ids, in order. */
  async jobs(jobs: readonly NewJob[]): Promise<string[]> {
    const ids: string[] = [];
    const made = jobs.map((job, i) => {
      const id = job.job_id ?? newId();
      ids.push(id);
      return { name: `j${i}`, workflow: 'wf', ...job, job_id: id };
    });
    await insertJobs(this.db, made);
    return ids;
  }

  /** The same by plain SQL, which no check stands before. */
  async jobsBySql(jobs: readonly NewJob[]): Promise<string[]> {
    const ids: string[] = [];
    for (const [i, job] of jobs.entries()) {
      const given = Object.entries(job).filter(([, value]) => value !== undefined);
      const row = { id: newId(), name: `s${i}`, workflow: 'wf', ...Object.fromEntries(given) };
      const columns = Object.keys(row);
      const text = `insert into job (${columns.join(', ')}) values (${columns.map((_, at) => `$${at + 1}`).join(', ')})`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as a person types
      await this.db.run((sql) => sql.unsafe(text, Object.values(row) as string[]));
      ids.push(row.id);
    }
    return ids;
  }

  /** Registers an application by plain SQL. */
  async commandBySql(name: string, executable: string, envscript = ''): Promise<void> {
    await this.db.run(
      (sql) =>
        sql`insert into application (name, executable, envscript) values (${name}, ${executable}, ${envscript})`,
    );
  }

  async row(id: string): Promise<JobRow> {
    const [row] = await getJobs(this.db, { where: byIds([id]), orderBy: [], limit: 1 });
    if (!row) throw new Error(`job ${id} is not there`);
    return row;
  }

  async rows(ids?: readonly string[]): Promise<JobRow[]> {
    return getJobs(this.db, { where: ids ? byIds([...ids]) : all(), orderBy: [], limit: 1_000_000 });
  }

  async history(id: string): Promise<HistoryLine[]> {
    return (await history(this.db, [id])).get(id) ?? [];
  }

  /** The states that a job has been in, in order. */
  async states(id: string): Promise<JobState[]> {
    return (await this.history(id)).map((line) => line.state);
  }

  /** All messages of a job's history as one text. */
  async messages(id: string): Promise<string> {
    return (await this.history(id)).map((line) => line.message).join('\n');
  }

  /** Waits until each of these jobs is in one of the states; fails with where they are instead. */
  async until(ids: readonly string[], states: readonly JobState[], deadline = DEADLINE_MS): Promise<void> {
    await until(
      async () => (await this.rows(ids)).every((row) => states.includes(row.state)),
      async () => {
        const rows = (await this.rows(ids)).filter((row) => !states.includes(row.state));
        const lines = rows.slice(0, 10).map((row) => `${row.name} is ${row.state}, held by ${row.launcher}`);
        return `${rows.length} jobs did not reach ${states.join(' or ')}: ${lines.join('; ')}\n${this.logs()}`;
      },
      deadline,
    );
  }

  async counts(): Promise<Partial<Record<JobState, number>>> {
    return Object.fromEntries(await countByState(this.db, queryOf(all())));
  }

  directory(row: FiledJob): string {
    return path.join(this.dbPath, 'data', jobDirectory(filed(row)));
  }

  /** `<name>.out` of a job; '' while it is not there. */
  async output(id: string): Promise<string> {
    const row = await this.row(id);
    return readMaybe(path.join(this.directory(row), outputName(filed(row))));
  }

  /** What jobs made by `locking` found wrong; '' is right. */
  async violations(): Promise<string> {
    return fs.promises.readFile(path.join(this.home, 'locks/violations'), 'utf8').catch(() => '');
  }

  /** All logs of all launchers here, for the message of a failure, and to read. */
  logs(): string {
    const at = path.join(this.dbPath, 'log');
    if (!fs.existsSync(at)) return '';
    return fs
      .readdirSync(at)
      .map((name) => `--- ${name}\n${fs.readFileSync(path.join(at, name), 'utf8')}`)
      .join('\n');
  }

  /** How often the logs say this. */
  said(text: RegExp): number {
    return this.logs().match(new RegExp(text, 'g'))?.length ?? 0;
  }

  /** Living processes that have this world's path in their environment or argv, this one excepted. */
  processes(): { pid: number; argv: string[]; incarnation: string }[] {
    const found = [];
    for (const name of fs.readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const [environ, cmdline] = ['environ', 'cmdline'].map((file) => readMaybe(`/proc/${pid}/${file}`)) as [
        string,
        string,
      ];
      if (!environ.includes(this.home) && !cmdline.includes(this.home)) continue;
      const incarnation = /(?:^|\0)BALSAM_INCARNATION=([^\0]*)/.exec(environ)?.[1] ?? '';
      found.push({ pid, argv: cmdline.split('\0').filter(Boolean), incarnation });
    }
    return found;
  }

  /** Incarnations of all agents that ever joined here. */
  async incarnations(): Promise<string[]> {
    const rows = await this.db.run(
      (sql) => sql<{ incarnation: string }[]>`select distinct incarnation from roster`,
    );
    return rows.map((row) => row.incarnation).filter((id) => id !== '');
  }

  /** Directories of job channels that agents of this world made and that are still there. */
  async channelDirectories(): Promise<string[]> {
    const parent = `/tmp/balsam-${process.getuid?.()}`;
    const incarnations = this.#db ? await this.incarnations() : [];
    const names = fs.existsSync(parent) ? fs.readdirSync(parent) : [];
    return names
      .filter((name) => incarnations.some((id) => name.endsWith(id.slice(0, 13))))
      .map((name) => path.join(parent, name));
  }

  /**
   * Ends everything; returns what launchers that had already ended left behind, which should be nothing. A launcher
   * that still runs is a test that failed: it is killed, and its agents end by themselves.
   */
  async close(): Promise<string[]> {
    const left: string[] = [];
    for (const launcher of this.#launchers) {
      if (launcher.ended) continue;
      left.push(`launcher ${launcher.pid} still ran`);
      launcher.child.kill('SIGTERM');
      await launcher.exit().catch(() => launcher.child.kill('SIGKILL'));
    }
    left.push(...(await this.channelDirectories()).map((name) => `${name} is still there`));
    const keys = path.join(this.dbPath, 'keys');
    if (fs.existsSync(keys)) left.push(...fs.readdirSync(keys).map((name) => `keys/${name} is still there`));
    left.push(...linesWithoutRule(this.dbPath));
    await this.#db?.close();
    const stopped = await this.balsam(['server', '--stop']);
    if (stopped.code !== 0) left.push(`the server did not stop: ${stopped.err}`);
    for (const p of this.processes()) {
      left.push(`process ${p.pid} still lives: ${p.argv.join(' ').slice(0, 200)}`);
      try {
        process.kill(p.pid, 'SIGKILL');
      } catch {
        // It ended just now.
      }
    }
    for (const last of this.atClose) last();
    await fs.promises.rm(this.home, { recursive: true, force: true });
    return left;
  }
}

/** A running `balsam launcher`. */
export class Launcher {
  readonly child: ChildProcess;
  readonly startedAt = performance.now();
  out = '';
  err = '';
  #exit: Promise<number | NodeJS.Signals>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.#exit = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
    });
    this.#exit.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Its exit code, or the signal that ended it. */
  async exit(deadline = DEADLINE_MS): Promise<number | NodeJS.Signals> {
    const late = AbortSignal.timeout(deadline);
    return Promise.race([
      this.#exit,
      new Promise<never>((_resolve, reject) => {
        late.addEventListener('abort', () =>
          reject(new Error(`the launcher did not end in ${deadline} ms: ${this.out}${this.err}`)),
        );
      }),
    ]);
  }

  /** Milliseconds since it was started. */
  get age(): number {
    return performance.now() - this.startedAt;
  }
}

/** Polls until `condition` holds; fails with `what` after the deadline. Returns how long it took, milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string | Promise<string>),
  deadline = DEADLINE_MS,
): Promise<number> {
  const from = performance.now();
  for (;;) {
    if (await condition()) return performance.now() - from;
    if (performance.now() - from > deadline) {
      throw new Error(`not within ${deadline} ms: ${typeof what === 'string' ? what : await what()}`);
    }
    await pause(POLL_MS);
  }
}

/** The text of a file, '' while it can't be read. */
export function readMaybe(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Figures belong into the report of a run, never into an assertion. */
export function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

/**
 * A job that proves that it is never run twice at once: it holds an exclusive lock on a file of its own for life, and
 * appends a line at its start and at its end. A lock that fails is written to `violations`, with who has it. What the job
 * starts inherits the lock, so that an orphan has it too.
 */
export function locking(directory: string, body: string): string {
  return `mkdir -p ${directory}
exec 9>>"${directory}/$BALSAM_JOB_ID"
if ! flock -n 9; then
  holder=$(grep ":$(stat -c %i "${directory}/$BALSAM_JOB_ID") " /proc/locks)
  echo "$BALSAM_JOB_ID $BALSAM_ATTEMPT: $holder" >>${directory}/violations; exit 99
fi
echo "start $BALSAM_ATTEMPT" >&9
${body}
echo "end $BALSAM_ATTEMPT" >&9`;
}
