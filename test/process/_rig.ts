/** One helper under test with its events kept, a directory of its own, and waits that have a deadline. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Helpers,
  chooseHelper,
  type Helper,
  type HelperEvent,
  type HelperKind,
  type StartRequest,
} from '../../src/process/helper.ts';
import { readStat } from '../../src/process/proc.ts';

export const DEADLINE_MS = 30_000;
export const KINDS: readonly HelperKind[] = ['python', 'node'];

export type EventOf<K extends HelperEvent['kind']> = Extract<HelperEvent, { kind: K }>;

export class Rig {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-helper-'));
  readonly helpers: Helpers;
  readonly helper: Helper;
  readonly events: HelperEvent[] = [];
  #tokens = 0;
  #look: (() => void)[] = [];

  private constructor(helpers: (directory: string) => Helpers) {
    this.helpers = helpers(this.directory);
    this.helper = this.helpers.open((event) => {
      this.events.push(event);
      for (const look of this.#look.splice(0)) look();
    });
  }

  static async open(
    kind: HelperKind,
    baseEnv = 'PATH=/usr/local/bin:/usr/bin:/bin\0HOME=/nowhere\0',
    oomFile: (directory: string) => string = () => '',
  ): Promise<Rig> {
    const choice = await chooseHelper(kind);
    const rig = new Rig(
      (directory) =>
        new Helpers({
          ...choice,
          directory,
          baseEnv: Buffer.from(baseEnv, 'latin1'),
          marker: { BALSAM_INCARNATION: 'rig' },
          oomFile: oomFile(directory),
        }),
    );
    await rig.event('opened');
    rig.events.length = 0;
    return rig;
  }

  /** Starts a job; returns its token. */
  start(argv: StartRequest['argv'], more: Partial<StartRequest> = {}): number {
    const token = ++this.#tokens;
    const cwd = path.join(this.directory, String(token));
    this.helper.start({
      token,
      cwd,
      makeDirectory: true,
      output: 'job.out',
      attempt: 1,
      argv,
      set: {},
      unset: [],
      cpus: null,
      ...more,
    });
    return token;
  }

  sh(script: string, more: Partial<StartRequest> = {}): number {
    return this.start(['/bin/sh', '-c', script], more);
  }

  output(token: number): Buffer {
    return fs.readFileSync(path.join(this.directory, String(token), 'job.out'));
  }

  /** What a job has written so far; '' while it has no output. */
  outputOf(token: number): string {
    const file = path.join(this.directory, String(token), 'job.out');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  /** The first event of this kind (and token) that satisfies; fails after the deadline. */
  async event<K extends HelperEvent['kind']>(kind: K, token?: number): Promise<EventOf<K>> {
    const until = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = this.events.find(
        (e) => e.kind === kind && (token === undefined || ('token' in e && e.token === token)),
      );
      if (found !== undefined) return found as EventOf<K>;
      const left = until - performance.now();
      if (left <= 0)
        throw new Error(`no ${kind} ${token ?? ''} in ${JSON.stringify(this.events).slice(0, 2000)}`);
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => this.#look.push(resolve)),
        new Promise<void>((resolve) => (timer = setTimeout(resolve, left))),
      ]);
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    await this.helper.close();
    await this.helpers.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Polls until `condition`; returns the milliseconds it took, fails after the deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<number> {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(5);
  }
  return performance.now() - start;
}

/** Alive, and not a zombie. */
export function alive(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== null && stat.state !== 'Z' && stat.state !== 'X';
}

/** Pids that a job wrote into a file, one a line, once there are `count`. */
export async function pidsIn(file: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  await until(`${count} pids in ${file}`, () => {
    if (!fs.existsSync(file)) return false;
    pids = fs.readFileSync(file, 'utf8').trim().split('\n').filter(Boolean).map(Number);
    return pids.length >= count;
  });
  return pids;
}
