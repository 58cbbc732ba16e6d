/**
 * Limits of the wire between coordinator and agents. The largest message is MAX_MESSAGE_BYTES in limits.ts.
 * They stand beside limits.ts because only src/wire reads them; none of them is part of the lease chain, but all of them
 * are well below A (10 s), so that a connection is given up and made anew before a lease ends.
 */

/** Messages that ZeroMQ holds for one peer, each way. Guess: seconds of heartbeats and batches; credit stops much earlier. */
export const WIRE_HIGH_WATER_MESSAGES = 1_000;

/** A connection that has not proved its key by then is closed, milliseconds. Guess: a handshake takes 2 round trips. */
export const WIRE_HANDSHAKE_MS = 5_000;

/** ZMTP heartbeats, milliseconds: how often, and the silence after which a peer counts as gone. Guess, below A / 2. */
export const WIRE_PING_MS = 1_500;
export const WIRE_PING_TIMEOUT_MS = 4_500;

/** Between two attempts to connect, milliseconds: the first wait, and the longest. Below h, so that a takeover is seen. */
export const WIRE_RECONNECT_MS = 50;
export const WIRE_MAX_RECONNECT_MS = 500;

/** Addresses of one coordinator that an agent races. Guess: more interfaces than any login or compute node has. */
export const WIRE_MAX_ENDPOINTS = 32;

/** Refused connections told one by one in a minute; further ones are only counted. */
export const WIRE_STRANGER_REPORTS = 10;
export const WIRE_STRANGER_WINDOW_MS = 60_000;

/** Bytes of an identity: ZeroMQ's limit is 255; ours are uuids of 36. */
export const WIRE_MAX_IDENTITY_BYTES = 64;
