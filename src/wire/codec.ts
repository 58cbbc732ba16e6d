/**
 * Envelopes to bytes and back.
 *
 * Why it exists: what comes from the wire may be anything, also from a peer with the right key and another version; here
 * it becomes either an envelope that the cores may trust in its shape, or a reason. Who calls it: the shells of
 * coordinator and agent, and the simulation when it checks that what is sent survives the trip.
 * It must never throw on bytes that came in, and never let out a message that the other side would refuse for its size.
 */
import protobuf from 'protobufjs/minimal.js';
import { assert } from '../base/assert.ts';
import { messageOf } from '../base/errors.ts';
import { MAX_MESSAGE_BYTES } from '../base/limits.ts';
import { WIRE_MAX_IDENTITY_BYTES } from '../base/wire-limits.ts';
import { PROTOCOL_VERSION } from '../core/messages.ts';
import { balsam } from './generated/launcher.js';
import type { Envelope } from '../core/messages.ts';

const wireEnvelope = balsam.launcher.v1.Envelope;

const bodies = ['hello', 'echo', 'commands', 'dismissed', 'join', 'heartbeat', 'reports'] as const;

export type BodyName = (typeof bodies)[number];

export type Decoded =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly reason: string };

/** Which body an envelope has; null if it has none or more than one (of several on the wire, the last one is decoded). */
export function bodyOf(envelope: Envelope): BodyName | null {
  const present = bodies.filter((name) => envelope[name] !== undefined && envelope[name] !== null);
  return present.length === 1 ? present[0]! : null;
}

/**
 * The bytes of an envelope. Throws RangeError if they are more than the other side accepts: whoever makes batches counts
 * bytes, so that is a bug, as no or two bodies are. Absent scalars are written as their defaults, that is, not at all.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  assert(bodyOf(envelope) !== null, 'an envelope has exactly one body');
  const bytes = wireEnvelope.encode(envelope).finish();
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new RangeError(
      `message of ${bytes.length} bytes (${bodyOf(envelope)}); the limit is ${MAX_MESSAGE_BYTES}`,
    );
  }
  return bytes;
}

/**
 * The envelope of bytes from the wire, or why there is none: too long, no protobuf, text that is not UTF-8, another
 * protocol version, no body, an impossible incarnation. Unknown fields are skipped: they are how a version
 * grows. In what is returned every scalar and list can be read (absent ones are inherited defaults, not own properties).
 */
export function decodeEnvelope(bytes: Uint8Array): Decoded {
  if (bytes.length > MAX_MESSAGE_BYTES) return refuse(`message of ${bytes.length} bytes`);
  let envelope: Envelope;
  try {
    const reader = protobuf.Reader.create(bytes);
    reader.discardUnknown = true;
    // Shapes are the same by construction; the generator only knows them as "may be absent".
    envelope = wireEnvelope.decode(reader) as unknown as Envelope;
  } catch (error) {
    return refuse(`no message: ${messageOf(error)}`);
  }
  if (envelope.version !== PROTOCOL_VERSION) {
    return refuse(`protocol version ${envelope.version}, this is ${PROTOCOL_VERSION}`);
  }
  if (bodyOf(envelope) === null) return refuse('no body that this version knows');
  if (envelope.incarnation.length > WIRE_MAX_IDENTITY_BYTES) return refuse('incarnation too long');
  return { ok: true, envelope };
}

function refuse(reason: string): Decoded {
  return { ok: false, reason };
}
