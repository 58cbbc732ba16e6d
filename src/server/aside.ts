/**
 * A directory that is made aside and comes to its place as a whole: whatever ends its maker, and whoever makes the same at
 * the same time, the place has all of it or nothing.
 *
 * The directory lies beside its place (`.NAME.new-PID-…`), or inside of it when the place exists. Its name says which
 * process makes it, so that one of a dead process can be told from one that is being made. One call that succeeds
 * once (mkdir or link) decides who takes the place. A small shell watches the maker by a pipe: when the pipe ends without a word, the maker was killed, and
 * the shell ends what it had started and removes what it had made. What nobody removed the next maker of the same place does.
 * Must never remove what another process made.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Socket } from 'node:net';
import { UserError } from '../base/errors.ts';
import { processStartTime } from '../base/proc.ts';
import { pidNamespace, thisHost } from './host.ts';
import { codeOf } from './layout.ts';

/** In a directory made inside its place: what is moved out of it, as { NAME: INODE }. */
const MOVES = '.moves';

/** The entry whose coming decides who takes a directory that is there, and the one that makes the whole valid. */
const FIRST = 'credentials';
const LAST = 'server-info';

/**
 * The watcher. Arguments: the directory, its place, and directories above that were made for it. On its pipe come lines:
 * `pid N` of a program that works in the directory, `socket DIRECTORY`, `claim` before the place is taken, `keep` at the end.
 * Programs are ended by QUIT, by which Postgres ends at once and gives back its shared memory.
 */
const WATCHER = `
dir=$1 place=$2
shift 2
pid= socket= claimed=
while IFS= read -r line; do
  case $line in
    keep) exit 0 ;;
    claim) claimed=1 ;;
    'pid '*) pid=\${line#pid } ;;
    'socket '*) socket=\${line#socket } ;;
  esac
done
tries=0 quiet=0
while [ $quiet -lt 3 ] && [ $tries -lt 100 ]; do
  tries=$((tries + 1)) quiet=$((quiet + 1)) signal=QUIT
  [ $tries -lt 60 ] || signal=KILL
  for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$dir/balsamdb" ] || [ "$process" = "/proc/$pid" ]; then
      kill -s $signal "\${process#/proc/}" 2>/dev/null && quiet=0
    fi
  done
  sleep 0.1
done
rm -rf -- "$dir"
if [ -n "$claimed" ]; then rmdir -- "$place" 2>/dev/null; fi
if [ -n "$socket" ]; then rm -f -- "$socket"/.s.PGSQL.*; rmdir -- "$socket" 2>/dev/null; fi
for parent; do rmdir -- "$parent" 2>/dev/null; done
`;

export class Aside {
  readonly directory: string;
  /** Where it comes to. */
  readonly place: string;
  readonly #inside: boolean;
  /** Directories above the place that this process made, innermost first. */
  readonly #parents: readonly string[];
  readonly #watcher: ChildProcess;
  #claimed = false;

  /** Makes the directory for `place`. Removes first what dead makers of the same place left, by `removeOne`. */
  static async make(place: string, removeOne: (directory: string) => Promise<void>): Promise<Aside> {
    const parents = makeParents(path.dirname(place));
    const inside = fs.existsSync(place);
    const real = inside
      ? fs.realpathSync(place)
      : path.join(fs.realpathSync(path.dirname(place)), path.basename(place));
    const [within, prefix] = whereAndPrefix(real, inside);
    // A maker that died beside the place may have been followed by somebody who made the place.
    for (const [at, name] of [whereAndPrefix(real, false), [within, prefix] as const])
      for (const directory of deadOnes(at, name)) {
        undo(directory, real);
        await removeOne(directory);
      }
    return new Aside(real, inside, path.join(within, `${prefix}${ownMark()}`), parents);
  }

  constructor(place: string, inside: boolean, directory: string, parents: readonly string[]) {
    this.place = place;
    this.directory = directory;
    this.#inside = inside;
    this.#parents = parents;
    // In a session of its own, so that what a terminal or a group is sent does not reach it.
    this.#watcher = spawn('/bin/sh', ['-c', WATCHER, 'sh', directory, place, ...parents], {
      cwd: '/',
      detached: true,
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#watcher.on('error', () => undefined);
    this.#watcher.stdin?.on('error', () => undefined);
    this.#watcher.unref();
    (this.#watcher.stdin as Socket | null)?.unref();
    try {
      fs.mkdirSync(directory, { mode: 0o755 });
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Tells the watcher; what is written to an empty pipe is there before this returns. */
  tell(line: string): void {
    this.#watcher.stdin?.write(`${line}\n`);
  }

  /** Brings it to its place, all of it. UserError when the place was taken meanwhile. */
  settle(): void {
    if (this.#inside) this.#settleInside();
    else this.#settleBeside();
    this.#letGo();
  }

  #settleBeside(): void {
    this.tell('claim');
    this.#claim(() => fs.mkdirSync(this.place, { mode: 0o700 }));
    this.#claimed = true;
    fs.renameSync(this.directory, this.place);
  }

  #settleInside(): void {
    const names = fs.readdirSync(this.directory).toSorted((a, b) => Number(a === LAST) - Number(b === LAST));
    const inodes = names.map((name) => [name, fs.lstatSync(path.join(this.directory, name)).ino]);
    const moves = Object.fromEntries(inodes) as Record<string, number>;
    fs.writeFileSync(path.join(this.directory, MOVES), JSON.stringify(moves));
    // From here on it can't be removed by its name alone: a dead one is left to the next maker.
    this.tell('keep');
    const [first, claimed] = [path.join(this.directory, FIRST), path.join(this.place, FIRST)];
    this.#claim(() => linkOrCopy(first, claimed));
    const { ino } = fs.lstatSync(claimed);
    // It had to be copied.
    if (ino !== moves[FIRST])
      fs.writeFileSync(path.join(this.directory, MOVES), JSON.stringify({ ...moves, [FIRST]: ino }));
    fs.rmSync(first);
    for (const name of names.filter((one) => one !== FIRST)) {
      const target = path.join(this.place, name);
      if (fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined)
        throw new UserError(`${target} was made meanwhile: choose a new or empty directory for the database`);
      fs.renameSync(path.join(this.directory, name), target);
    }
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  #claim(take: () => void): void {
    try {
      take();
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw fs.existsSync(path.join(this.place, LAST))
        ? isDatabase(this.place)
        : new UserError(`${this.place} was taken meanwhile: somebody else makes a database there`);
    }
  }

  /** Removes what this process made and nothing else. */
  remove(): void {
    undo(this.directory, this.place);
    fs.rmSync(this.directory, { recursive: true, force: true, maxRetries: 10 });
    if (this.#claimed) removeEmpty(this.place);
    for (const parent of this.#parents) removeEmpty(parent);
    this.#letGo();
  }

  #letGo(): void {
    this.#watcher.stdin?.end('keep\n');
  }
}

export function isDatabase(place: string): UserError {
  return new UserError(`${place} is a Balsam database already: \`source balsamactivate ${place}\` uses it`);
}

/** Puts back what a maker had moved into `place` when it ended: only the very files that it moved, and not a whole database. */
function undo(directory: string, place: string): void {
  let moves: Record<string, number>;
  try {
    moves = JSON.parse(fs.readFileSync(path.join(directory, MOVES), 'utf8')) as Record<string, number>;
  } catch {
    return; // it had not begun to move
  }
  const isMoved = (name: string): boolean =>
    fs.lstatSync(path.join(place, name), { throwIfNoEntry: false })?.ino === moves[name];
  if (moves[LAST] === undefined || isMoved(LAST)) return;
  for (const name of Object.keys(moves).filter(isMoved))
    fs.rmSync(path.join(place, name), { recursive: true, force: true, maxRetries: 10 });
}

/** Gives `file` the further name `target`, which must be new. A file system without links gets a copy. */
function linkOrCopy(file: string, target: string): void {
  try {
    fs.linkSync(file, target);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw error;
    fs.copyFileSync(file, target, fs.constants.COPYFILE_EXCL);
  }
}

function removeEmpty(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // Somebody has put something there, or it is gone.
  }
}

/** Makes the missing directories down to `directory`; returns those that it made, innermost first. */
function makeParents(directory: string): string[] {
  if (fs.existsSync(directory)) return [];
  const made = makeParents(path.dirname(directory));
  try {
    fs.mkdirSync(directory);
    return [directory, ...made];
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return made;
    for (const one of made) removeEmpty(one);
    throw error;
  }
}

function whereAndPrefix(place: string, inside: boolean): readonly [within: string, prefix: string] {
  // A name may have 255 bytes; of a long one the beginning will do.
  const name = Buffer.from(path.basename(place))
    .subarray(0, 150)
    .toString('latin1')
    .replaceAll(/[^ -~]/g, '_');
  return inside ? [place, '.new-'] : [path.dirname(place), `.${name}.new-`];
}

/** This process, as far as it can be told from others: PID, start time, and a mark of host, boot and pid namespace. */
export function ownMark(): string {
  return `${process.pid}-${processStartTime(process.pid) ?? '0'}-${ownWorld()}-${++made}`;
}

let made = 0;

function ownWorld(): string {
  const { hostname, bootId } = thisHost();
  return createHash('sha256')
    .update(`${hostname} ${bootId ?? ''} ${pidNamespace() ?? ''}`)
    .digest('hex')
    .slice(0, 8);
}

/** Directories of ours whose maker was a process of this host and namespace, and is dead. */
export function deadOnes(within: string, prefix: string): string[] {
  let names: string[];
  try {
    names = fs.readdirSync(within);
  } catch {
    return [];
  }
  return names
    .filter((name) => {
      if (!name.startsWith(prefix)) return false;
      const [, pid, startTime, world] =
        /^(\d+)-(\d+)-([0-9a-f]{8})-\d+$/.exec(name.slice(prefix.length)) ?? [];
      if (world !== ownWorld() || processStartTime(Number(pid)) === startTime) return false;
      return fs.lstatSync(path.join(within, name), { throwIfNoEntry: false })?.uid === process.geteuid?.();
    })
    .map((name) => path.join(within, name));
}
