/** Faults that come in by the doors: at a coordinator's port without and with its key, at an agent's job channel, in rows. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '../../src/base/ids.ts';
import { PROTOCOL_VERSION } from '../../src/core/messages.ts';
import { makeLauncherKeys, type CurveKeys } from '../../src/wire/curve.ts';
import { DealerLink } from '../../src/wire/dealer-link.ts';
import type { Chaos, Fault } from './_chaos.ts';
import { JOIN, envelope, hostileBytes, lastBound, publishedKeys, type Bound } from './_stranger.ts';

/** A stranger's connection is given up after this. */
const STRANGER_MS = 5_000;
const HOSTILE_MESSAGES = 300;
const CONNECTIONS = 40;
const ROWS = 20;

export const DOORS: readonly Fault[] = [
  { name: 'strangers', weight: 1, strike: strangers },
  { name: 'hostile messages', weight: 1, strike: hostileMessages },
  { name: 'another version', weight: 1, strike: anotherVersion },
  { name: 'hostile lines', weight: 1, strike: hostileLines },
  { name: 'rows by hand', weight: 1, strike: rowsByHand },
];

/** Garbage and a key of nobody at the port of a coordinator. */
async function strangers(c: Chaos): Promise<string | null> {
  const bound = lastBound(c.world);
  const [keys] = await publishedKeys(c.world);
  if (!bound || !keys) return null;
  c.later(async () => {
    const socket = net.connect(bound.port, '127.0.0.1');
    socket.on('error', () => undefined).once('connect', () => socket.write('x'.repeat(100_000)));
    await say(bound, { ...makeLauncherKeys().client, peerPublicKey: keys.peerPublicKey }, () => []);
    socket.destroy();
  });
  return `port ${bound.port}`;
}

async function hostileMessages(c: Chaos): Promise<string | null> {
  const seed = c.between(1, 1_000_000);
  return withKeys(c, `${HOSTILE_MESSAGES} of seed ${seed}`, ({ launcher }, incarnation) =>
    hostileBytes(launcher, incarnation, { count: HOSTILE_MESSAGES, seed }),
  );
}

/** A join that would be taken, of a protocol that nobody speaks yet. */
async function anotherVersion(c: Chaos): Promise<string | null> {
  return withKeys(c, `version ${PROTOCOL_VERSION + 1}`, ({ launcher }, incarnation) => [
    envelope(launcher, incarnation, { join: JOIN }, { version: PROTOCOL_VERSION + 1 }),
  ]);
}

/** Somebody with the key of a launcher here; where several are, with each: one of them is right. */
async function withKeys(
  c: Chaos,
  what: string,
  messages: (bound: Bound, incarnation: string) => Uint8Array[],
): Promise<string | null> {
  const bound = lastBound(c.world);
  const keys = await publishedKeys(c.world);
  if (!bound || keys.length === 0) return null;
  c.later(async () => void (await Promise.all(keys.map((k) => say(bound, k, messages)))));
  return `port ${bound.port}, ${what}`;
}

/** Connects, sends what it can within the time, and leaves. */
async function say(
  bound: Bound,
  keys: CurveKeys,
  messages: (bound: Bound, incarnation: string) => Uint8Array[],
): Promise<void> {
  const incarnation = newId();
  const until = performance.now() + STRANGER_MS;
  const dealer = new DealerLink({ identity: incarnation, keys, onMessage: () => undefined });
  dealer.connect([`tcp://127.0.0.1:${bound.port}`]);
  const left = messages(bound, incarnation);
  while (performance.now() < until) {
    if (dealer.state !== 'connected') await pause(50);
    else if (left.length === 0 || (await dealer.send(left[0]!)) !== 'ok') await pause(10);
    else left.shift();
  }
  await dealer.close();
}

/** Connections at an agent's job channel that say nothing, half of something, or what no program would. */
async function hostileLines(c: Chaos): Promise<string | null> {
  const directories = await c.world.channelDirectories().catch(() => []); // Postgres may be away
  const directory = c.pick(directories.filter((d) => fs.existsSync(path.join(d, 's'))));
  if (directory === undefined) return null;
  const lines = [
    '',
    '{',
    `{"v":1,"token":"${newId()}:1:${'A'.repeat(22)}"}\n{"id":1,"op":"job.patch","set":{"state":"JOB_FINISHED"}}\n`,
    `{"v":2,"token":""}\n`,
    '['.repeat(50_000),
    `"${'x'.repeat(2_000_000)}`,
    '\n'.repeat(10_000),
  ];
  c.later(async () => {
    const sockets = Array.from({ length: CONNECTIONS }, (_, i) => {
      const socket = net.connect(path.join(directory, 's'));
      socket.on('error', () => undefined).on('data', () => undefined);
      socket.write(i % 2 === 0 ? lines[(i / 2) % lines.length]! : randomBytes(200));
      return socket;
    });
    await pause(STRANGER_MS);
    for (const socket of sockets) socket.destroy();
  });
  return path.basename(directory);
}

/** Documents that no client writes, in rows of jobs that wait, by plain SQL. */
async function rowsByHand(c: Chaos): Promise<string | null> {
  if (c.postgresBusy) return null;
  const document = c.pick([
    `'{"__proto__":{"x":1},"":2,"\\\\":3,"a.b[0]":4}'`,
    `'{"a":1e400,"b":-1e-400,"c":123456789012345678901234567890}'`,
    `'{"a":' || repeat('[', 3000) || repeat(']', 3000) || '}'`,
    `'{"a":"' || repeat('ü', 1000000) || '"}'`,
  ])!;
  try {
    const changed = await c.world.db.run((sql) =>
      sql.unsafe(
        `update job set data = (${document})::jsonb where id in (select id from job where state = 'READY' and launcher is null
          order by id limit ${ROWS} for update skip locked) returning id`,
      ),
    );
    return changed.length === 0 ? null : `${changed.length} rows: ${document.slice(0, 40)}`;
  } catch {
    return null; // Postgres is away
  }
}
