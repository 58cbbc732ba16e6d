/**
 * The clocks. Durations come from the monotonic clock of one host (CLOCK_MONOTONIC, the same for every process of the
 * host, so that an agent, its helpers and its guard can compare); only what people read comes from the wall clock.
 */

export interface Clock {
  /** Milliseconds of CLOCK_MONOTONIC; comparable between processes of one boot of one host. */
  monotonic(): number;
  /** Milliseconds since 1970; for display and records only. */
  wall(): number;
}

export const systemClock: Clock = {
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  wall: () => Date.now(),
};
