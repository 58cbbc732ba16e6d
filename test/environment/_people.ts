/**
 * The accounts as which tests of surroundings act, and a database of each: root, and an ordinary user (the one who runs the
 * tests, or `nobody` when that is root). Commands are the built ones, with an environment of their own.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { readServerInfo, type ServerInfo } from '../../src/server/layout.ts';
import { lives } from '../helpers/lives.ts';
import { ROOT, run, type Ran } from '../helpers/program.ts';

export const BALSAM = path.join(ROOT, 'bin/balsam');
const NOBODY = 65_534;

export interface Person {
  readonly title: string;
  readonly uid: number;
  /** What stands before a command so that this person runs it. */
  readonly as: readonly string[];
}

const isRoot = process.getuid?.() === 0;

export const USER: Person = isRoot
  ? {
      title: 'an ordinary user',
      uid: NOBODY,
      as: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
    }
  : { title: 'an ordinary user', uid: process.getuid?.() ?? 0, as: [] };

/** Everybody as whom these tests can act here. */
export const PEOPLE: readonly Person[] = isRoot ? [{ title: 'root', uid: 0, as: [] }, USER] : [USER];

/** A directory of this person, open to all; gone after the test. */
export function placeOf(t: ExecutionContext, { uid }: Person): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-people-')));
  fs.chmodSync(directory, 0o755);
  if (isRoot) fs.chownSync(directory, uid, uid);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** A person with a database. */
export class Owner {
  readonly person: Person;
  readonly place: string;
  readonly db: string;
  env: Record<string, string>;

  constructor(person: Person, place: string, env: Record<string, string> = {}) {
    this.person = person;
    this.place = place;
    this.db = path.join(place, 'db');
    this.env = { HOME: place, BALSAM_HOME: path.join(place, 'home'), BALSAM_DB_PATH: this.db, ...env };
  }

  /** Runs any program as this person. */
  async run(words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    const [program = '', ...args] = [...this.person.as, ...words];
    return run(program, args, { env: { ...this.env, ...env }, cwd: this.place });
  }

  /** The built command. */
  async balsam(words: string, env: Record<string, string> = {}): Promise<Ran> {
    return this.run([BALSAM, ...words.split(' ')], env);
  }

  get info(): ServerInfo {
    return readServerInfo(this.db);
  }
}

/** A new database of this person; its server is stopped after the test. */
export async function ownerOf(
  t: ExecutionContext,
  person: Person,
  options: { init?: string; env?: Record<string, string> } = {},
): Promise<Owner> {
  const owner = new Owner(person, placeOf(t, person), options.env);
  const made = await owner.balsam(`init ${owner.db} ${options.init ?? ''}`.trim());
  if (made.code !== 0) throw new Error(`balsam init: ${made.err}`);
  // The directory is removed by an earlier teardown, which runs later.
  t.teardown(() => endServer(owner.db));
  return owner;
}

/** Stops the server of a database by its own pid file, whatever its record says; also that of a moved one. */
export async function endServer(db: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(fs.readFileSync(path.join(db, 'balsamdb/postmaster.pid'), 'utf8').split('\n')[0]);
    if (fs.readlinkSync(`/proc/${pid}/cwd`) !== path.join(db, 'balsamdb')) return;
    process.kill(pid, 'SIGQUIT');
  } catch {
    return; // it has stopped
  }
  while (lives(pid)) await pause(10);
}

/** Why a program can't be run here, by trying it; null when it can. */
export function whyNotRun(words: readonly string[]): string | null {
  const [program = '', ...args] = words;
  const tried = spawnSync(program, args, { encoding: 'utf8', timeout: 30_000 });
  if (tried.status === 0) return null;
  return (
    `${tried.error?.message ?? tried.stderr.trim().split('\n').at(-1) ?? ''}`.slice(0, 100) || 'it failed'
  );
}
