/** Wake-ups: LISTEN and NOTIFY. */
import type { Database } from './connection.ts';

export type Channel = 'balsam_job' | 'balsam_kill' | 'balsam_done';
export interface Listener {
  close(): Promise<void>;
}
/** Calls `fn` at each notification, and once after each reconnect, since wake-ups may have been missed. */
export async function listen(_db: Database, _channel: Channel, _fn: () => void): Promise<Listener> {
  throw new Error('not yet written');
}
