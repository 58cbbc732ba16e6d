/**
 * Wake-ups: LISTEN and NOTIFY, without payload. A wake-up says only "look"; a slow poll stays as the truth, since one may
 * be lost with its connection.
 *
 * Called by coordinators (new jobs, kills) and by clients that wait for ends. It must never keep a process alive.
 */
import type { Database } from './connection.ts';

export type Channel = 'balsam_job' | 'balsam_kill' | 'balsam_done';

export interface Listener {
  close(): Promise<void>;
}

/**
 * Calls `fn` at each notification, and once after each reconnect, since some may have been missed; it reconnects by itself,
 * on a connection of its own. Rejects when Postgres is not there at the beginning.
 */
export async function listen(db: Database, channel: Channel, fn: () => void): Promise<Listener> {
  let listening = false;
  let closed = false;
  const wake = (): void => {
    if (!closed) fn();
  };
  const onListen = (): void => {
    if (listening) wake();
    listening = true;
  };
  try {
    const subscription = await db.listen(channel, wake, onListen);
    return {
      async close() {
        if (closed) return;
        closed = true;
        // The connection may be down at this moment: then there is nothing to take back.
        await subscription.unlisten().catch(() => {});
      },
    };
  } catch (error) {
    closed = true;
    throw error;
  }
}
