/**
 * Keeps the job channel of one incarnation within reach: looks whether its socket is there, always and before a start, and
 * makes it anew when somebody removed it (a clean-up of /tmp). Called by incarnation.ts and seats.ts.
 */
import { messageOf } from '../base/errors.ts';
import type { Refusals } from '../base/refusals.ts';
import { socketPlace } from '../base/socket-place.ts';
import type { JobChannel } from './job-channel.ts';
import type { NodeSetup } from './node-setup.ts';
import { channelDirectory, isSocketThere } from '../launcher/socket-directory.ts';

/** Between two looks, milliseconds: always, and before a start. Guess: a running job that connects within the half second
 * after a clean-up does not reach us. */
const LOOK_MS = 500;
const TRUST_MS = 20;

export interface ChannelDoorOptions {
  setup: NodeSetup;
  incarnation: string;
  directory: string;
  channel: JobChannel;
  refusals: Refusals;
}

export class ChannelDoor {
  /** The incarnation's own on this node; another one when that place is not ours any more. */
  directory: string;
  /** The channel listens anew, perhaps elsewhere. */
  onMade: () => void = () => undefined;
  readonly #o: ChannelDoorOptions;
  #seenAt = 0;
  #look: NodeJS.Timeout | null = null;
  #reopening: Promise<void> | null = null;
  #closed = false;

  constructor(options: ChannelDoorOptions) {
    this.#o = options;
    this.directory = options.directory;
  }

  /** From now on; the channel listens. */
  open(): void {
    this.#look = setInterval(() => void this.keep(), LOOK_MS);
  }

  /** No look is under way when this resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#look !== null) clearInterval(this.#look);
    await this.#reopening;
  }

  /** Whether the socket was there a moment ago. */
  isFresh(): boolean {
    if (this.#reopening !== null) return false;
    const now = this.#o.setup.clock.monotonic();
    if (now - this.#seenAt < TRUST_MS) return true;
    if (!isSocketThere(this.#o.channel.socket)) return false;
    this.#seenAt = now;
    return true;
  }

  /** Makes the socket anew unless it is there; who waits for it goes on in the order of the calls. */
  async keep(): Promise<void> {
    if (this.#closed || this.isFresh()) return;
    await (this.#reopening ??= this.#reopen().finally(() => (this.#reopening = null)));
  }

  /** At the same path, so that jobs that run reach it again. */
  async #reopen(): Promise<void> {
    const { setup, incarnation, channel, refusals } = this.#o;
    const fields = { incarnation, rule: 'PROTOCOL 11' };
    try {
      this.directory = channelDirectory(await socketPlace(setup.socketEnv), setup.file.tag, incarnation);
      await channel.reopen(`${this.directory}/s`);
      this.onMade();
      setup.log.warn(
        { ...fields, socket: channel.socket },
        "the job channel's socket was removed: made anew",
      );
    } catch (error) {
      refusals.note("the job channel's socket was removed, and can't be made anew", {
        ...fields,
        why: messageOf(error),
      });
    }
  }
}
