/**
 * What both ends of the ZeroMQ wire set alike: limits, heartbeats, and the meaning of a failed send.
 *
 * Why it exists: a limit that only one end keeps is none. Who calls it: router-link and dealer-link.
 * It must never let a socket send later what could not be sent now: with a send timeout of 0 a send is done or refused
 * before it returns, so the library's one outstanding send per socket is never outstanding, order is the order of the
 * calls, and no queue of ours is needed beside ZeroMQ's own, which is bounded per peer.
 */
import { MAX_MESSAGE_BYTES } from '../base/limits.ts';
import {
  WIRE_HANDSHAKE_MS,
  WIRE_HIGH_WATER_MESSAGES,
  WIRE_PING_MS,
  WIRE_PING_TIMEOUT_MS,
} from '../base/wire-limits.ts';
import type { SendResult } from './link.ts';

/** Options of every socket that carries messages. */
export const wireOptions = {
  linger: 0,
  sendTimeout: 0,
  sendHighWaterMark: WIRE_HIGH_WATER_MESSAGES,
  receiveHighWaterMark: WIRE_HIGH_WATER_MESSAGES,
  maxMessageSize: MAX_MESSAGE_BYTES,
  handshakeInterval: WIRE_HANDSHAKE_MS,
  heartbeatInterval: WIRE_PING_MS,
  heartbeatTimeout: WIRE_PING_TIMEOUT_MS,
  heartbeatTimeToLive: WIRE_PING_TIMEOUT_MS,
} as const;

/** What an error of send() means; errors that are no answer of the network are thrown on. */
export function sendResultOf(error: unknown): SendResult {
  const code = errorCode(error);
  if (code === 'EAGAIN') return 'full';
  // EBADF: the socket was closed.
  if (code === 'EHOSTUNREACH' || code === 'EBADF') return 'unreachable';
  throw error;
}

export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
