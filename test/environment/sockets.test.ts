/**
 * Where unix sockets lie when the usual place is taken, closed or named: servers, agents and `balsam doctor` follow one rule,
 * and what nobody can use is said before anything is started.
 */
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { socketPlace, socketPlaces } from '../../src/base/socket-place.ts';
import { SOCKET_PATH_BYTES } from '../../src/base/limits.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { ROOT, type Ran } from '../helpers/program.ts';
import { BALSAM, type Owner, ownerOf, PEOPLE, placeOf, USER, whyNotRun, type Person } from './_people.ts';

/** A short directory below /tmp: a socket's path has 107 bytes, and those of tests are long. */
function shortPlace(t: ExecutionContext, { uid }: Person, mode = 0o755): string {
  const directory = fs.mkdtempSync('/tmp/bs-');
  fs.chmodSync(directory, mode);
  if (process.getuid?.() === 0) fs.chownSync(directory, uid, uid);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Shell words that put a directory (null: an empty one) in the place of /tmp; what is needed of the old one stays in sight. */
function otherTmp({ place }: Owner, directory: string | null): string {
  const kept = [place, ROOT.replace(/\/$/, '')].filter((one) => one.startsWith('/tmp/'));
  return [
    directory === null ? 'mount -t tmpfs none /mnt' : `mount --bind ${directory} /mnt`,
    ...kept.map((one) => `mkdir -p /mnt${one.slice(4)}; mount --bind ${one} /mnt${one.slice(4)}`),
    'mount --rbind /mnt /tmp',
  ].join('; ');
}

/** Runs a job that prints its channel's socket, and gives it. */
async function socketOfJob(
  t: ExecutionContext,
  owner: Owner,
  run = (words: string): Promise<Ran> => owner.balsam(words),
): Promise<string> {
  t.is((await run('app --name where --executable /usr/bin/printenv')).code, 0);
  t.is((await run('job --name j --workflow w --application where --args BALSAM_JOB_SOCKET --yes')).code, 0);
  const launcher = await run('launcher --consume-all --idle-exit-seconds 0');
  t.is(launcher.code, 0, launcher.err + launcher.out);
  const output = await run('output j');
  t.is(output.code, 0, output.err);
  return output.out.trim();
}

for (const person of PEOPLE) {
  const name = `balsam-${person.uid}`;

  test.serial(`${person.title}: BALSAM_SOCKET_DIR counts for server, agents and doctor`, async (t) => {
    const base = shortPlace(t, person);
    const owner = await ownerOf(t, person, { env: { BALSAM_SOCKET_DIR: base } });
    t.true((await socketOfJob(t, owner)).startsWith(`${base}/${name}/`));
    t.true(owner.info.socket_dir?.startsWith(`${base}/${name}/`));
    t.regex((await owner.balsam('doctor')).out, new RegExp(`OK +sockets +${base}/${name} takes`));
    // Who says nothing of it reaches the server all the same: its record says where it is.
    t.is((await owner.balsam('ls', { BALSAM_SOCKET_DIR: '' })).code, 0);
    t.is((await owner.balsam('server --stop')).code, 0);
  });

  test.serial(
    `${person.title}: an empty BALSAM_SOCKET_DIR is none, and one that can't be is refused in words`,
    async (t) => {
      const owner = await ownerOf(t, person, { env: { BALSAM_SOCKET_DIR: '' } });
      t.is((await owner.balsam('server --connect')).code, 0);
      t.true(owner.info.socket_dir?.startsWith(`/tmp/${name}`));
      t.is((await owner.balsam('server --stop')).code, 0);
      const base = shortPlace(t, person);
      fs.mkdirSync(path.join(base, 'a,b'));
      const file = path.join(base, 'file');
      fs.writeFileSync(file, '');
      for (const [given, words] of [
        ['relative/place', /BALSAM_SOCKET_DIR=relative\/place is no absolute path/],
        [path.join(base, 'a,b'), /has a comma/],
        [path.join(base, 'x'.repeat(SOCKET_PATH_BYTES)), /is too long for a unix socket/],
        [path.join(base, 'missing'), /can't make .*name another place/],
        [file, /can't make .*name another place/],
      ] as const) {
        for (const command of ['ls', 'server --connect']) {
          const ran = await owner.balsam(command, { BALSAM_SOCKET_DIR: given });
          t.not(ran.code, 0, given);
          t.regex(ran.err, words, given);
          t.notRegex(ran.err, /\n {4}at /);
        }
        t.regex((await owner.balsam('doctor', { BALSAM_SOCKET_DIR: given })).out, /FAIL +sockets/);
      }
      // An agent's failure would stand in a log only: the launcher says it, and starts nothing.
      t.is((await owner.balsam('server --connect')).code, 0);
      const launcher = await owner.balsam('launcher --consume-all', { BALSAM_SOCKET_DIR: 'relative' });
      t.is(launcher.code, 2);
      t.regex(launcher.err, /BALSAM_SOCKET_DIR=relative is no absolute path/);
      t.is((await owner.balsam('server --stop')).code, 0);
    },
  );

  // Tests that take away /tmp/balsam-UID do it in a mount namespace: the real one is in use.
  const inTmp =
    (owner: Owner, script: string) =>
    (words: string, env: Record<string, string> = {}) =>
      Object.assign(Object.create(owner) as Owner, { person: { ...person, as: [] } }).run(
        [
          'unshare',
          '--mount',
          'sh',
          '-c',
          `${script}; exec "$@"`,
          'sh',
          ...person.as,
          BALSAM,
          ...words.split(' '),
        ],
        env,
      );

  unless(NOT_ROOT ?? whyNotRun(['unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']), test.serial)(
    `${person.title}: what a stranger made in /tmp is left alone, and another place is found`,
    async (t) => {
      const owner = await ownerOf(t, person);
      const kept = placeOf(t, person);
      // One /tmp for all commands of this test, in which somebody else has taken the name.
      for (const [i, taken] of [
        `mkdir /tmp/${name}; chown 12345 /tmp/${name}`,
        `ln -s / /tmp/${name}`,
        `mkdir -m 777 /tmp/${name}; chown ${person.uid} /tmp/${name}; chmod 777 /tmp/${name}`,
        `touch /tmp/${name}`,
      ].entries()) {
        const tmp = path.join(kept, `tmp${i}`);
        fs.mkdirSync(tmp);
        fs.chmodSync(tmp, 0o1777);
        const script = `${otherTmp(owner, tmp)}; [ -e /tmp/${name} ] || [ -L /tmp/${name} ] || { ${taken}; }`;
        const there = inTmp(owner, script);
        const made = await there('server --connect');
        t.is(made.code, 0, `${taken}: ${made.err}`);
        const { socket_dir: socketDir } = owner.info;
        t.regex(socketDir ?? '', new RegExp(`^/tmp/${name}\\.[A-Za-z0-9]{6}/`), taken);
        t.regex((await there('doctor')).out, new RegExp(`OK +sockets +/tmp/${name}\\.\\w{6} takes`));
        if (i === 0) {
          const socket = await socketOfJob(t, owner, there);
          t.is(path.dirname(path.dirname(socket)), path.dirname(socketDir ?? ''), 'one place for both');
        }
        const [fresh, ...more] = fs.readdirSync(tmp).filter((entry) => entry.startsWith(`${name}.`));
        t.deepEqual(more, [], 'the place is found again');
        t.is(fs.statSync(path.join(tmp, fresh ?? '')).mode & 0o777, person.uid === 0 ? 0o711 : 0o700);
        // Commands that see the usual /tmp reach it as well.
        t.is((await owner.balsam('ls')).code, 0);
        t.is((await there('server --stop')).code, 0);
      }
    },
  );

  unless(NOT_ROOT ?? whyNotRun(['unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']), test.serial)(
    `${person.title}: a /tmp that can't be written does not matter`,
    async (t) => {
      const owner = await ownerOf(t, person);
      const readOnly = inTmp(
        owner,
        `${otherTmp(owner, null)}; mount -o remount,bind,ro /tmp; mount -t tmpfs -o mode=1777 none /var/tmp`,
      );
      const env = { TMPDIR: '/var/tmp' };
      const made = await readOnly('server --connect', env);
      t.is(made.code, 0, made.err);
      t.regex(owner.info.socket_dir ?? '', new RegExp(`^/var/tmp/${name}\\.\\w{6}/`));
      t.regex(
        await socketOfJob(t, owner, (words) => readOnly(words, env)),
        new RegExp(`^/var/tmp/${name}\\.\\w{6}/`),
      );
      t.is((await readOnly('server --stop', env)).code, 0);
    },
  );
}

test('XDG_RUNTIME_DIR is used when it is ours, closed, and stays', async (t) => {
  const base = shortPlace(t, { title: '', uid: process.getuid?.() ?? 0, as: [] }, 0o700);
  const uid = process.getuid?.() ?? 0;
  const name = `balsam-${uid}`;
  const usual = await socketPlace({});
  // The account that runs root's Postgres could not enter it.
  t.is(await socketPlace({ XDG_RUNTIME_DIR: base }), uid === 0 ? usual : `${base}/${name}`);
  fs.chmodSync(base, 0o755);
  t.is(await socketPlace({ XDG_RUNTIME_DIR: base }), usual, 'open to others');
  t.is(await socketPlace({ XDG_RUNTIME_DIR: `${base}/missing` }), usual);
  t.is(await socketPlace({ XDG_RUNTIME_DIR: 'relative' }), usual);
  t.is(await socketPlace({ XDG_RUNTIME_DIR: '' }), usual);
  t.true((await socketPlaces({})).includes(usual));
});

test.serial('an ordinary user: servers and agents in XDG_RUNTIME_DIR', async (t) => {
  const base = shortPlace(t, USER, 0o700);
  const owner = await ownerOf(t, USER, { env: { XDG_RUNTIME_DIR: base } });
  t.true((await socketOfJob(t, owner)).startsWith(`${base}/balsam-${USER.uid}/`));
  t.true(owner.info.socket_dir?.startsWith(`${base}/balsam-${USER.uid}/`));
  t.is((await owner.balsam('server --stop')).code, 0);
});
