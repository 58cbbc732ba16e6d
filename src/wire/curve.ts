/**
 * CURVE keys: made with node:crypto, written as Z85 text, kept in files that only their owner can read.
 *
 * Why it exists: the keys are what tells an agent from a stranger. The warden makes them, and it does not load ZeroMQ.
 * Who calls it: the warden (makes and writes), coordinator and agent (read), router-link and the tests (Z85).
 * It must never accept a key file that others may read or have written, or put a key into an error text or argv.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { EXIT_FAILED, UserError, messageOf } from '../base/errors.ts';
import { assert } from '../base/assert.ts';

export type KeyPair = {
  /** Z85 text of 40 characters. */
  readonly publicKey: string;
  readonly secretKey: string;
};

/** What one side needs: its own pair, and the public key of the only peer that it talks to. */
export type CurveKeys = KeyPair & { readonly peerPublicKey: string };

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const digitOf = new Map(alphabet.split('').map((character, digit) => [character, digit]));

/** Bytes of a key, and characters of its Z85 text. */
const keyBytes = 32;
const keyCharacters = 40;

/** Bytes of a key file; a real one has about 200. */
const maxKeyFileBytes = 4096;

/** The DER that surrounds a raw X25519 private key (PKCS #8, RFC 8410). */
const privateKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Text of bytes, five characters for four bytes. The length must be a multiple of four. */
export function encodeZ85(bytes: Uint8Array): string {
  assert(bytes.length % 4 === 0, 'Z85 is made of groups of four bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let offset = 0; offset < bytes.length; offset += 4) {
    let value = view.getUint32(offset);
    let group = '';
    for (let place = 0; place < 5; place++) {
      group = alphabet[value % 85]! + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}

/** The bytes of a text, or null if it is no Z85 (length, characters, or a group beyond 32 bits). */
export function decodeZ85(text: string): Buffer | null {
  if (text.length % 5 !== 0) return null;
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let group = 0; group * 5 < text.length; group++) {
    let value = 0;
    for (const character of text.slice(group * 5, group * 5 + 5)) {
      const digit = digitOf.get(character);
      if (digit === undefined) return null;
      value = value * 85 + digit;
    }
    if (value > 0xff_ff_ff_ff) return null;
    bytes.writeUInt32BE(value, group * 4);
  }
  return bytes;
}

/** A new pair, from the system's randomness. */
export function makeKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  const jwk = privateKey.export({ format: 'jwk' });
  assert(jwk.x !== undefined && jwk.d !== undefined, 'an X25519 key has x and d');
  const [publicKey, secretKey] = [jwk.x, jwk.d].map((part) => encodeZ85(Buffer.from(part, 'base64url')));
  return { publicKey: publicKey!, secretKey: secretKey! };
}

/** The public key that belongs to a secret one; null if that is no key. */
export function publicKeyOf(secretKey: string): string | null {
  const secret = decodeZ85(secretKey);
  if (secret?.length !== keyBytes) return null;
  const key = createPrivateKey({
    key: Buffer.concat([privateKeyPrefix, secret]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return x === undefined ? null : encodeZ85(Buffer.from(x, 'base64url'));
}

export type LauncherKeys = { readonly server: CurveKeys; readonly client: CurveKeys };

/** Keys for both sides of a new launcher. */
export function makeLauncherKeys(): LauncherKeys {
  const [server, client] = [makeKeyPair(), makeKeyPair()];
  return {
    server: { ...server, peerPublicKey: client.publicKey },
    client: { ...client, peerPublicKey: server.publicKey },
  };
}

/**
 * Writes one side's keys with mode 0600, whole or not at all: a reader never sees half a file. Replaces an older file.
 * Rejects with the system's error; the file is on disk when it resolves, so that another node may read it.
 */
export async function writeKeyFile(path: string, keys: CurveKeys): Promise<void> {
  const scratch = `${path}.${process.pid}.new`;
  const text = {
    public_key: keys.publicKey,
    secret_key: keys.secretKey,
    peer_public_key: keys.peerPublicKey,
  };
  // Exclusive: what somebody else put there under our name is not written into. Our own leftover goes first.
  await rm(scratch, { force: true });
  const file = await open(scratch, 'wx', 0o600);
  try {
    // The mode above is cut by the umask, never widened; this makes it exact.
    await file.chmod(0o600);
    await file.writeFile(`${JSON.stringify(text, null, 2)}\n`);
    await file.sync();
  } catch (error) {
    await rm(scratch, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(scratch, path);
}

/** Reads a key file. Throws UserError if it is missing, another's, open to others, a link, or damaged. */
export async function readKeyFile(path: string): Promise<CurveKeys> {
  const keys = parseKeys(await readPrivateFile(path));
  if (keys === null) throw new UserError(`${path} is no key file: start the launcher anew`, EXIT_FAILED);
  return keys;
}

async function readPrivateFile(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new UserError(`can't read the key file ${path}: ${messageOf(error)}`, EXIT_FAILED);
  }
  try {
    const status = await file.stat();
    const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
    if (!status.isFile()) throw new UserError(`${path} is no regular file`, EXIT_FAILED);
    if (status.uid !== process.geteuid?.()) {
      throw new UserError(
        `${path} belongs to user ${status.uid}, not to you: its keys can't be trusted`,
        EXIT_FAILED,
      );
    }
    if ((status.mode & 0o077) !== 0) {
      throw new UserError(
        `${path} has mode ${mode}, others may have read it: remove it, or chmod 600 it`,
        EXIT_FAILED,
      );
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxKeyFileBytes), 0, maxKeyFileBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Null unless all three are keys and the pair is one. */
function parseKeys(text: string): CurveKeys | null {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof fields !== 'object' || fields === null) return null;
  const read = (name: string): string | null => {
    const value: unknown = Reflect.get(fields, name);
    return typeof value === 'string' && value.length === keyCharacters && decodeZ85(value) !== null
      ? value
      : null;
  };
  const [publicKey, secretKey, peerPublicKey] = [
    read('public_key'),
    read('secret_key'),
    read('peer_public_key'),
  ];
  if (publicKey === null || secretKey === null || peerPublicKey === null) return null;
  return publicKeyOf(secretKey) === publicKey ? { publicKey, secretKey, peerPublicKey } : null;
}
