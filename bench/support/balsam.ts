/**
 * A whole Balsam for a row: a database of its own in the bench's directory (`balsam init`, so the real settings of the
 * server), launchers as users start them, and a connection to ask what was committed. Called by the rows.
 * It must never leave a server or a launcher behind: `remove` ends both, also after a failure.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { closeBalsam } from '../../src/client/index.ts';
import { addressOf, openDatabase, type OpenDatabase } from '../../src/server/open.ts';
import type { DatabaseAddress } from '../../src/store/connection.ts';
import { ROOT, type RowOptions } from './figures.ts';
import { environment } from './programs.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');
/** A launcher that does not leave after this is ended by force, milliseconds. Guess: more than any row needs. */
const LAUNCHER_MS = 600_000;

export interface Launched {
  /** From the start of the command to its end, milliseconds. */
  readonly tookMs: number;
  readonly output: string;
}

export class BenchDatabase {
  readonly path: string;
  readonly db: OpenDatabase;
  readonly #place: string;
  readonly #files: string;
  readonly #options: RowOptions;
  readonly #children = new Set<ChildProcess>();

  private constructor(place: string, files: string, at: string, db: OpenDatabase, options: RowOptions) {
    this.#place = place;
    this.#files = files;
    this.path = at;
    this.db = db;
    this.#options = options;
  }

  /** Makes the database and starts its server: `BalsamJob` works on it from then on. */
  static async make(options: RowOptions): Promise<BenchDatabase> {
    const place = mkdtempSync(path.join(options.directory, 'balsam-bench-'));
    const files = mkdtempSync(path.join(options.files, 'balsam-bench-'));
    // As root the server runs as an account of its own, which must get through.
    chmodSync(place, 0o711);
    try {
      const at = path.join(place, 'db');
      balsam(['init', at], environment());
      rmdirSync(path.join(at, 'data'));
      symlinkSync(files, path.join(at, 'data'));
      process.env['BALSAM_DB_PATH'] = at;
      const db = await openDatabase({ path: at, applicationName: 'bench', role: 'client', max: 1 });
      return new BenchDatabase(place, files, at, db, options);
    } catch (error) {
      balsam(['server', '--stop'], environment({ BALSAM_DB_PATH: path.join(place, 'db') }), false);
      for (const made of [place, files]) rmSync(made, { recursive: true, force: true });
      throw error;
    }
  }

  /** A directory for the yardstick's files, on the file system of the jobs' own. */
  get yardstickDirectory(): string {
    return path.join(this.#files, 'c');
  }

  get address(): DatabaseAddress {
    return addressOf(this.path);
  }

  /** First line of postmaster.pid. */
  get postmaster(): number {
    return Number(readFileSync(path.join(this.path, 'balsamdb/postmaster.pid'), 'utf8').split('\n')[0]);
  }

  command(...args: string[]): void {
    balsam(args, environment({ BALSAM_DB_PATH: this.path }));
  }

  /** Starts `balsam launcher` with these options and an environment of 40 variables. */
  launch(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Launched> } {
    const { profiles } = this.#options;
    const env = environment({ BALSAM_DB_PATH: this.path });
    if (profiles !== null) {
      mkdirSync(profiles, { recursive: true });
      env['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${profiles}`;
    }
    const from = performance.now();
    const child = spawn(BALSAM, ['launcher', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#children.add(child);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise<Launched>((resolve, reject) => {
      const late = setTimeout(() => child.kill('SIGTERM'), LAUNCHER_MS);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(late);
        this.#children.delete(child);
        if (code === 0) resolve({ tookMs: performance.now() - from, output });
        else reject(new Error(`the launcher ended with ${signal ?? `code ${code}`}: ${output}`));
      });
    });
    return { child, ended };
  }

  /**
   * Forgets all jobs and their history, and lets Postgres settle, so that the next sample begins as this one did. Files stay
   * until the end: deleting many makes the next ones dearer on some file systems.
   */
  async clear(): Promise<void> {
    await this.db.sql.unsafe('truncate job, attempt, job_event');
    await this.db.sql.unsafe('checkpoint');
  }

  /** Ends what still runs and removes everything. */
  async remove(): Promise<void> {
    const running = [...this.#children];
    await Promise.all(
      running.map((child) => {
        child.kill('SIGTERM');
        return new Promise((resolve) => child.once('close', resolve));
      }),
    );
    await closeBalsam();
    await this.db.close();
    balsam(['server', '--stop'], environment({ BALSAM_DB_PATH: this.path }), false);
    for (const made of [this.#place, this.#files]) rmSync(made, { recursive: true, force: true });
  }
}

function balsam(args: readonly string[], env: Record<string, string>, must = true): void {
  const { status, stdout, stderr } = spawnSync(BALSAM, args, { env, encoding: 'utf8' });
  if (must && status !== 0) throw new Error(`balsam ${args.join(' ')} failed: ${stderr}${stdout}`);
}
