/**
 * The network between a coordinator and its agents: messages are lost, doubled, late and out of order, and each direction
 * of each peer can be cut for a while. What is sent is copied, as bytes on a wire would be.
 */
import type { Envelope } from '../../src/core/messages.ts';
import { bodyLines } from '../core/support/words.ts';
import type { World } from './world.ts';

export interface Weather {
  loss: number;
  doubled: number;
  /** Share of messages that are late by up to `lateMs`, so that others overtake them. */
  late: number;
  lateMs: number;
}

export const CALM: Weather = { loss: 0, doubled: 0, late: 0, lateMs: 0 };

export class Network {
  weather: Weather;
  readonly #world: World;
  readonly #agents = new Map<string, { receive: (e: Envelope) => void; connected: () => void }>();
  readonly #cutUntil = new Map<string, number>();
  #coordinator: ((e: Envelope) => void) | null = null;

  constructor(world: World, weather: Weather) {
    this.#world = world;
    this.weather = weather;
  }

  /** A coordinator takes the port, as a successor does after it, or gives it up (null). Now and then agents are told. */
  bind(receive: ((e: Envelope) => void) | null): void {
    this.#coordinator = receive;
    if (!receive) return;
    for (const { connected } of this.#agents.values())
      if (this.#world.chance() < 0.7) this.#world.after(this.#world.between(0, 300), connected);
  }

  connect(incarnation: string, receive: ((e: Envelope) => void) | null, connected = (): void => {}): void {
    if (receive) this.#agents.set(incarnation, { receive, connected });
    else this.#agents.delete(incarnation);
  }

  /** Nothing of this incarnation passes this way until then. */
  cut(incarnation: string, way: 'in' | 'out', until: number): void {
    this.#world.trace(`network: ${way === 'in' ? `to ${incarnation}` : `from ${incarnation}`} is cut`);
    this.#cutUntil.set(`${way} ${incarnation}`, until);
  }

  toCoordinator(e: Envelope): void {
    this.#carry(e, 'out', (copy) => this.#coordinator?.(copy));
  }

  toAgent(e: Envelope): void {
    this.#carry(e, 'in', (copy) => this.#agents.get(e.incarnation)?.receive(copy));
  }

  #carry(e: Envelope, way: 'in' | 'out', deliver: (copy: Envelope) => void): void {
    const w = this.#world;
    const { loss, doubled, late, lateMs } = this.weather;
    const quiet = e.heartbeat || e.echo;
    const arrow = way === 'in' ? `→ ${e.incarnation}` : `← ${e.incarnation}`;
    const lost = w.chance() < loss || w.now < (this.#cutUntil.get(`${way} ${e.incarnation}`) ?? 0);
    if (!quiet) w.trace(`${arrow} e${e.epoch} ${bodyLines(e).join('; ')}${lost ? ' (lost)' : ''}`);
    if (lost) return;
    const text = JSON.stringify(e);
    const copies = w.chance() < doubled ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delay = w.between(0.1, 1) + (w.chance() < late ? w.between(0, lateMs) : 0);
      w.after(delay, () => deliver(JSON.parse(text) as Envelope));
    }
  }
}
