/**
 * A container of the same machine with the same host name: namespaces of processes, network, memory and mounts of its own,
 * in which the server's process and its socket are not seen. No second Postgres may start on the files, whatever the record
 * says, and the person hears where the server is.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { STOPPED, writeServerInfo } from '../../src/server/layout.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import type { Ran } from '../helpers/program.ts';
import { BALSAM, ownerOf, USER, whyNotRun, type Owner, type Person } from './_people.ts';

const OTHERS = ['--pid', '--fork', '--mount-proc', '--net', '--ipc', '--mount'];

interface Container {
  readonly title: string;
  readonly person: Person;
  readonly reason: string | null;
  /** The words before a command that put it into namespaces in which `hidden` is empty. */
  readonly inside: (hidden: string) => string[];
}

/** Hides a directory, then runs the rest. */
const HIDE = 'mount -t tmpfs -o mode=700 none "$1" && shift && exec "$@"';

const byRoot = (person: Person, then: readonly string[]): Pick<Container, 'person' | 'inside'> => ({
  person,
  inside: (hidden) => ['unshare', ...OTHERS, 'sh', '-c', HIDE, 'sh', hidden, ...then],
});

/** The first namespace maps the user to root, for the mounts; the second one back. */
const byUser = (hidden: string): string[] =>
  ['unshare', '--user', '--map-root-user', ...OTHERS, 'sh', '-c', HIDE, 'sh', hidden].concat(
    'unshare',
    '--user',
    `--map-user=${USER.uid}`,
    `--map-group=${USER.uid}`,
  );

const ROOT_PERSON: Person = { title: 'root', uid: 0, as: [] };
const CONTAINERS: readonly Container[] = [
  { title: 'root in a container', reason: NOT_ROOT, ...byRoot(ROOT_PERSON, []) },
  {
    title: 'an ordinary user in a container that root made',
    reason: NOT_ROOT,
    // The container is root's, what runs in it is the user's.
    ...byRoot({ ...USER, as: [] }, USER.as),
  },
  {
    title: 'an ordinary user in a container of their own',
    reason: whyNotRun([...USER.as, ...byUser('/mnt'), 'true']),
    person: USER,
    inside: byUser,
  },
];

/** The owner's database, used from outside by the owner, and the same command in a container. */
async function both(
  t: Parameters<typeof ownerOf>[0],
  { person, inside }: Container,
): Promise<{ owner: Owner; contained: (words: string) => Promise<Ran> }> {
  const owner = await ownerOf(t, { ...person, as: person.uid === 0 ? [] : USER.as });
  const started = await owner.balsam('server --connect');
  t.is(started.code, 0, started.err);
  const place = path.dirname(owner.info.socket_dir ?? '');
  const outer = { ...person };
  return {
    owner,
    contained: (words) =>
      Object.assign(Object.create(owner) as Owner, { person: outer }).run([
        ...inside(place),
        BALSAM,
        ...words.split(' '),
      ]),
  };
}

for (const container of CONTAINERS) {
  const { title, reason } = container;

  unless(reason, test.serial)(
    `${title} does not start a second server, and is told where the first is`,
    async (t) => {
      const { owner, contained } = await both(t, container);
      const { pid } = owner.info;
      const said = new RegExp(
        `belongs to another container or pid namespace of .* \\(pid ${pid} there\\).*balsam server --connect --move-here`,
      );
      for (const words of [
        'ls',
        'app --name inside --executable /bin/true',
        'launcher --consume-all',
        'server --connect',
        'server --stop',
        'server --reset',
      ]) {
        const ran = await contained(words);
        t.is(ran.code, 1, words);
        t.regex(ran.err, said, words);
        t.is(ran.out, '', words);
      }
      const status = await contained('server --status');
      t.is(status.code, 1);
      t.regex(status.out, /^belongs to .*does not answer from here/);
      // A person who says that it is gone is mistaken, and the kernel knows it.
      const moved = await contained('server --connect --move-here');
      t.is(moved.code, 1);
      t.regex(moved.err, /the kernel shows that it has the files in use/);

      t.is(owner.info.pid, pid, 'the record is as it was');
      t.regex((await owner.balsam('server --status')).out, new RegExp(`^running .*pid ${pid}\n`));
      t.is((await owner.balsam('ls apps')).code, 0);
      const log = fs.readFileSync(path.join(owner.db, 'postgres.log'), 'utf8');
      t.is(log.match(/starting PostgreSQL/g)?.length, 2, 'once at init, once by the owner');
      t.is((await owner.balsam('server --stop')).out, 'Stopped the Balsam DB server\n');
    },
  );

  unless(reason, test.serial)(
    `${title}: the kernel's word counts where the record says nothing`,
    async (t) => {
      const { owner, contained } = await both(t, container);
      const { info } = owner;
      // Whoever started it died before it was written down.
      writeServerInfo(owner.db, { ...info, ...STOPPED });
      const ran = await contained('ls');
      t.is(ran.code, 1);
      t.regex(
        ran.err,
        /in another container or pid namespace: the kernel shows that it has the files in use/,
      );
      t.regex((await contained('server --status')).out, /^belongs to /);
      t.regex((await contained('server --stop')).err, /the kernel shows that it has the files in use/);
      t.true(fs.existsSync(`/proc/${info.pid}`));
      // The one who sees its process finds it again.
      t.is((await owner.balsam('ls')).code, 0);
      t.is(owner.info.pid, info.pid);
    },
  );

  unless(reason, test.serial)(
    `${title}: a stopped server starts there, and comes home when the container is gone`,
    async (t) => {
      const { owner, contained } = await both(t, container);
      t.is((await owner.balsam('app --name kept --executable /bin/true')).code, 0);
      t.is((await owner.balsam('server --stop')).code, 0);
      const there = await contained('ls apps');
      t.is(there.code, 0, there.err);
      t.regex(there.out, /kept/);
      // Its processes ended with its first one. On a local disk the kernel proves that; elsewhere a person says it.
      const home = await owner.balsam('server --connect --move-here');
      t.is(home.code, 0, home.err);
      t.regex((await owner.balsam('ls apps')).out, /kept/);
    },
  );
}
