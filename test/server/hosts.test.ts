/**
 * Two hosts and one directory: network namespaces with host names of their own on this machine. Only the host that the
 * record names starts the server; the other uses it over the network where that was asked for, else says what to do.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { readServerInfo } from '../../src/server/layout.ts';
import { messageOf } from '../../src/base/errors.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { openDirectory, run, step, type Ended } from './_cluster.ts';

interface Hosts {
  a: (words: string[], env?: NodeJS.ProcessEnv) => Promise<Ended>;
  b: typeof run;
  remove: () => void;
}

/** Two namespaces with a wire between them; the commands that run there. Throws when they can't be made. */
function twoHosts(): Hosts {
  const id = process.pid.toString(36);
  const names = [`bals-a-${id}`, `bals-b-${id}`] as const;
  const ip = (...words: string[]): string => {
    const done = spawnSync('ip', words, { encoding: 'utf8' });
    return done.status === 0 ? '' : done.error?.message || done.stderr || `ip ${words.join(' ')} failed`;
  };
  const remove = (): void => names.forEach((name) => ip('netns', 'del', name));
  const problem =
    ip('netns', 'add', names[0]) ||
    ip('netns', 'add', names[1]) ||
    ip('link', 'add', 'wire', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'wire', 'netns', names[1]) ||
    ip('-n', names[0], 'addr', 'add', '10.211.7.1/24', 'dev', 'wire') ||
    ip('-n', names[1], 'addr', 'add', '10.211.7.2/24', 'dev', 'wire') ||
    names
      .map((name) => ip('-n', name, 'link', 'set', 'wire', 'up') || ip('-n', name, 'link', 'set', 'lo', 'up'))
      .join('');
  if (problem !== '') {
    remove();
    throw new Error(problem.trim());
  }
  const on =
    (name: string, hostname: string) =>
    (words: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<Ended> =>
      run(
        [
          'ip',
          'netns',
          'exec',
          name,
          'unshare',
          '--uts',
          'sh',
          '-c',
          `hostname ${hostname}; exec "$@"`,
          'sh',
          ...words,
        ],
        options,
      );
  const a = on(names[0], 'node-a');
  return { a: (words, env = {}) => a(words, { env }), b: on(names[1], 'node-b'), remove };
}

/** Why they can't be made here; null when they can. Tried for real, once. */
function whyNot(): string | null {
  try {
    twoHosts().remove();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

const onTwoHosts = unless(NOT_ROOT ?? whyNot(), test.serial);

onTwoHosts('only the host that the record names starts the server', async (t) => {
  const hosts = twoHosts();
  t.teardown(hosts.remove);
  const root = path.join(openDirectory(t), 'db');
  t.like(await hosts.a(step('init', root)), { code: 0, stderr: '' });
  t.is(readServerInfo(root).host, 'node-a');

  const down = await hosts.b(step('open', root));
  t.is(down.code, 1);
  t.regex(
    down.stderr,
    /belongs to the host node-a and listens only there; this is node-b. On node-a run `balsam server/,
  );
  t.false(fs.existsSync(path.join(root, 'balsamdb', 'postmaster.pid')));
  t.regex((await hosts.b(step('stop', root))).stderr, /belongs to the host node-a/);

  t.like(await hosts.a(step('open', root)), { code: 0, stderr: '' });
  const pid = readServerInfo(root).pid;
  t.is((await hosts.b(step('open', root))).code, 1, 'up, but not for other hosts');
  t.like(await hosts.a(step('open', root)), { code: 0, stderr: '' });
  t.is(readServerInfo(root).pid, pid, 'nobody started another');
  t.like(await hosts.a(step('stop', root)), { code: 0, stdout: 'true\n' });
});

onTwoHosts('with --listen the other host uses it, and says so when it is down', async (t) => {
  const hosts = twoHosts();
  t.teardown(hosts.remove);
  const root = path.join(openDirectory(t), 'db');
  t.like(await hosts.a(step('init', root), { TEST_LISTEN: '10.211.7.1/24' }), { code: 0, stderr: '' });
  t.like(await hosts.a(step('ensure', root)), { code: 0, stderr: '' });
  const opened = await hosts.b(step('open', root));
  t.like(opened, { code: 0, stderr: '' });
  t.is((JSON.parse(opened.stdout) as { address: string }).address.split('/')[0], '10.211.7.1');
  t.regex((await hosts.b(step('move', root))).stderr, /answers on node-a: stop it there first/);
  t.like(await hosts.a(step('stop', root)), { code: 0, stdout: 'true\n' });
  const down = await hosts.b(step('open', root));
  t.is(down.code, 1);
  t.regex(
    down.stderr,
    /does not answer at 10\.211\.7\.1:\d+; this is node-b. On node-a run `balsam server --connect`/,
  );
  t.false(fs.existsSync(path.join(root, 'balsamdb', 'postmaster.pid')));

  // node-a is gone for good, says a person: node-b takes it over, and node-a is a stranger then.
  t.like(await hosts.b(step('move', root)), { code: 0, stderr: '' });
  t.is(readServerInfo(root).host, 'node-b');
  t.like(await hosts.b(step('open', root)), { code: 0, stderr: '' });
  t.is((await hosts.a(step('open', root))).code, 1);
  t.like(await hosts.b(step('stop', root)), { code: 0, stdout: 'true\n' });
});
