/**
 * The first moments of a successor (PROTOCOL 3): until the database has confirmed it, it echoes heartbeats under the epoch
 * that each agent follows (a predecessor may have died between a raise and its hello, or its next beat), no longer than S
 * after that one's last confirmed heartbeat, and does nothing else: so no job ends because Postgres is away while a
 * coordinator is replaced.
 */
import { systemClock } from '../base/clock.ts';
import { CHAIN } from '../base/limits.ts';
import { PROTOCOL_VERSION } from '../core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../wire/codec.ts';
import type { ServerLink } from '../wire/link.ts';
import type { Predecessor } from '../launcher/coordinator-file.ts';

/** Answers a heartbeat; anything else waits for the coordinator. Returns the rule by which a message was refused, or null. */
export function echoFor(
  predecessor: Predecessor,
  link: Pick<ServerLink, 'send'>,
  identity: string,
  bytes: Uint8Array,
): string | null {
  const decoded = decodeEnvelope(bytes);
  if (!decoded.ok) return decoded.reason;
  const { envelope } = decoded;
  if (envelope.launcher !== predecessor.launcher || envelope.incarnation !== identity)
    return 'another launcher or incarnation';
  if (!envelope.heartbeat) return null;
  if (systemClock.monotonic() - predecessor.confirmedAt > CHAIN.pause) return null;
  const echo = { number: envelope.heartbeat.number, receivedReports: 0, committedReports: 0 };
  const { launcher, epoch } = envelope;
  link
    .send(
      identity,
      encodeEnvelope({ version: PROTOCOL_VERSION, launcher, epoch, incarnation: identity, echo }),
    )
    .catch(() => undefined);
  return null;
}
