/** Who speaks to a coordinator's port and is no agent of it: what is bound, which keys there are, and what such a one sends. */
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { PROTOCOL_VERSION, type Body, type Join } from '../../src/core/messages.ts';
import { encodeEnvelope } from '../../src/wire/codec.ts';
import { readKeyFile, type CurveKeys } from '../../src/wire/curve.ts';
import { fromAgent, spoil } from '../core/support/hostile-messages.ts';
import type { World } from './_world.ts';

export interface Bound {
  launcher: number;
  port: number;
}

/** The coordinator that was bound last, as its log says; null when none was. */
export function lastBound(world: World): Bound | null {
  const found = [...world.logs().matchAll(/"id":(\d+),"epoch":\d+,"port":(\d+),.*"msg":"bound"/g)].at(-1);
  return found ? { launcher: Number(found[1]), port: Number(found[2]) } : null;
}

/** The keys of agents that launchers here have published now. */
export async function publishedKeys(world: World): Promise<CurveKeys[]> {
  const directory = path.join(world.dbPath, 'keys');
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const read = names.map((name) => readKeyFile(path.join(directory, name, 'client.key')).catch(() => null));
  return (await Promise.all(read)).filter((keys) => keys !== null);
}

export function envelope(
  launcher: number,
  incarnation: string,
  body: Body,
  over: Partial<{ version: number; launcher: number; epoch: number }> = {},
): Uint8Array {
  return encodeEnvelope({ version: PROTOCOL_VERSION, launcher, epoch: 1, incarnation, ...over, ...body });
}

const identity = { pid: 1, startTime: 1, bootId: 'x', pidNamespace: 'x', uid: 0 };
/** A join that would be taken: only its node decides. */
export const JOIN: Join = {
  node: 0,
  hostname: 'stranger',
  cpus: 1_000,
  gpus: 0,
  memoryBytes: 1,
  agent: identity,
  guard: identity,
  endedIncarnation: '',
  endedCrashed: false,
  held: [],
  oldestReport: 1,
  lastReport: 0,
};

/** Bytes that somebody with the key sends: messages of every kind, spoilt or not, but for a join that would be taken. */
export function hostileBytes(
  launcher: number,
  incarnation: string,
  options: { count: number; seed: number },
): Uint8Array[] {
  const samples = fc.sample(fc.tuple(fromAgent, spoil), { numRuns: options.count, seed: options.seed });
  return samples.map(([body, how]) => {
    const harmless = body.join ? { join: { ...body.join, node: 7 } } : body;
    const sent = Uint8Array.from(envelope(launcher, incarnation, harmless));
    if (how) sent[how.place % sent.length] = how.byte;
    return how && how.cut % 2 === 0 ? sent.subarray(0, how.cut % sent.length) : sent;
  });
}
