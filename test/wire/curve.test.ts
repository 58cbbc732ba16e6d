/** Keys, their text, and the files that hold them. */
import { chmod, chown, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { curveKeyPair } from 'zeromq';
import { UserError } from '../../src/base/errors.ts';
import {
  decodeZ85,
  encodeZ85,
  makeKeyPair,
  makeLauncherKeys,
  publicKeyOf,
  readKeyFile,
  writeKeyFile,
} from '../../src/wire/curve.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import type { ExecutionContext } from 'ava';

async function scratch(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'balsam-keys-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('Z85 is that of its specification, and its own inverse', (t) => {
  t.is(encodeZ85(Buffer.from('864fd26fb559f75b', 'hex')), 'HelloWorld');
  t.is(decodeZ85('HelloWorld')?.toString('hex'), '864fd26fb559f75b');
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      t.deepEqual(decodeZ85(encodeZ85(bytes)), Buffer.from(bytes));
    }),
  );
  for (const wrong of ['a', 'abcd~', 'abcd"', '#####', 'abcdé']) t.is(decodeZ85(wrong), null, wrong);
});

test('our pairs are ZeroMQ’s: the same public key belongs to a secret one', (t) => {
  for (let round = 0; round < 20; round++) {
    const [ours, theirs] = [makeKeyPair(), curveKeyPair()];
    t.regex(ours.publicKey, /^.{40}$/);
    t.is(publicKeyOf(ours.secretKey), ours.publicKey);
    t.is(publicKeyOf(theirs.secretKey), theirs.publicKey);
  }
  t.is(publicKeyOf('HelloWorld'), null);
});

test('a key file is written 0600 whatever the umask, replaced, and read back', async (t) => {
  const path = join(await scratch(t), 'agent.key');
  const [first, second] = [makeLauncherKeys(), makeLauncherKeys()];
  await writeKeyFile(path, first.client);
  await writeKeyFile(path, second.client);
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.deepEqual(await readKeyFile(path), second.client);
  t.is(second.client.peerPublicKey, second.server.publicKey);
  t.is(second.server.peerPublicKey, second.client.publicKey);
});

test('a key file that others can read, that is damaged, missing or no file, is refused', async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'agent.key');
  const { client, server } = makeLauncherKeys();
  const refused = async (file: string, message: RegExp): Promise<void> => {
    const error = await t.throwsAsync(readKeyFile(file), { instanceOf: UserError, message });
    t.false(error?.message.includes(client.secretKey));
  };
  await refused(path, /can't read/);
  await writeKeyFile(path, client);
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    await chmod(path, mode);
    await refused(path, new RegExp(`mode 0${mode.toString(8)}`));
  }
  await chmod(path, 0o600);
  await symlink(path, join(directory, 'link.key'));
  await refused(join(directory, 'link.key'), /can't read/);
  await refused(directory, /no regular file/);
  const text = await readFile(path, 'utf8');
  for (const damaged of [
    '',
    '{}',
    'null',
    text.slice(0, -20),
    text.replace(client.secretKey, server.secretKey),
  ]) {
    await writeFile(path, damaged);
    await refused(path, /no key file/);
  }
  await writeFile(path, text);
  t.deepEqual(await readKeyFile(path), client);
});

unless(NOT_ROOT, test)('a key file that belongs to somebody else is refused', async (t) => {
  const path = join(await scratch(t), 'agent.key');
  await writeKeyFile(path, makeLauncherKeys().client);
  await chown(path, 12_345, 12_345);
  await t.throwsAsync(readKeyFile(path), { instanceOf: UserError, message: /belongs to user 12345/ });
});
