/**
 * Nobody who can run `ps` learns a secret, and no job is handed one: looked for in argv of every process of a working
 * launcher and of its server, in the environment that jobs have, and in the modes of sockets and keys.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { layoutOf, readCredentials } from '../../src/server/layout.ts';
import { readKeyFile } from '../../src/wire/curve.ts';
import { partsOf, postgresOf } from './_parts.ts';
import { makeWorld, readMaybe, type Launcher, type World } from './_world.ts';

let world: World;
let launcher: Launcher;
let id = '';
let secrets: Map<string, string>;

test.before(async () => {
  world = await makeWorld();
  await world.app('stays', 'echo "$BALSAM_JOB_SOCKET"; exec sleep 300');
  [id] = (await world.jobs([{ application: 'stays' }])) as [string];
  launcher = world.launcher(['--consume-all', '--persistent']);
  await world.until([id], ['RUNNING']);
  const keys = layoutOf(world.dbPath).keys;
  const directory = path.join(keys, fs.readdirSync(keys)[0]!);
  const [server, client] = await Promise.all(
    ['server.key', 'client.key'].map((name) => readKeyFile(path.join(directory, name))),
  );
  secrets = new Map([
    ['the password of the database', readCredentials(world.dbPath).password],
    ['the secret key of the coordinator', server!.secretKey],
    ['the secret key of the agents', client!.secretKey],
  ]);
});
test.after.always('nothing is left behind', async (t) => {
  launcher.child.kill('SIGTERM');
  await launcher.exit();
  t.deepEqual(await world.close(), []);
});

function mode(file: string): string {
  return (fs.statSync(file).mode & 0o777).toString(8);
}

test('no secret is in argv of any process, nor in the environment of a job or helper', (t) => {
  const parts = [...partsOf(world), ...postgresOf(world)];
  const kinds = new Set(parts.map((p) => p.kind));
  for (const kind of ['warden', 'coordinator', 'agent', 'helper', 'guard', 'job', 'postgres'] as const)
    t.true(kinds.has(kind), `a ${kind} was looked at`);
  for (const [what, secret] of secrets) {
    t.true(secret.length >= 16, `${what} is a secret`);
    for (const { kind, pid } of parts) {
      t.false(readMaybe(`/proc/${pid}/cmdline`).includes(secret), `${what} is in argv of a ${kind}`);
      t.false(
        readMaybe(`/proc/${pid}/environ`).includes(secret),
        `${what} is in the environment of a ${kind}`,
      );
    }
  }
  const job = parts.find((p) => p.kind === 'job')!;
  const names = readMaybe(`/proc/${job.pid}/environ`)
    .split('\0')
    .map((entry) => entry.split('=')[0]!);
  t.true(names.includes('BALSAM_JOB_TOKEN'));
  t.deepEqual(
    names.filter((name) => /^PG|PASSWORD|SECRET|_KEY/.test(name)),
    [],
  );
});

test('sockets and keys are this user’s alone', async (t) => {
  const socket = (await world.output(id)).trim();
  t.regex(socket, new RegExp(`^/tmp/balsam-${process.getuid!()}/[^/]+/s$`));
  t.true(fs.statSync(socket).isSocket());
  t.is(mode(path.dirname(socket)), '700');
  t.is(fs.statSync(path.dirname(socket)).uid, process.getuid!());
  // Whoever else may pass through the directory above it makes nothing there.
  const above = fs.statSync(path.dirname(path.dirname(socket)));
  t.is(above.mode & 0o022, 0);
  t.is(above.uid, process.getuid!());
  const { keys, credentials } = layoutOf(world.dbPath);
  t.is(mode(keys), '700');
  t.is(mode(credentials), '600');
  for (const name of fs.readdirSync(keys)) {
    t.is(mode(path.join(keys, name)), '700');
    const files = fs.readdirSync(path.join(keys, name));
    t.true(files.length >= 5);
    for (const file of files) t.is(mode(path.join(keys, name, file)), '600', file);
  }
});
