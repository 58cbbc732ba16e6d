/**
 * What a warden does about the database of its launcher: says when it is away and when it answers again, and starts its
 * server again when that died on this host. One that was stopped by somebody stays stopped, and from inside a batch
 * allocation nothing is started. Called by the warden; it must never hold up the warden's look at its coordinator.
 */
import { messageOf } from '../base/errors.ts';
import { oneAtATime } from '../base/one-at-a-time.ts';
import { ensureServer } from '../server/server.ts';
import { hasDied, isCutOff } from '../server/whose.ts';
import { mustNotStart } from '../server/host.ts';
import { readServerInfoLater } from '../server/layout.ts';

/** Between two tries to start the server, milliseconds: whoever needs it at once starts it before us. */
const REVIVE_MS = 5_000;

export class DatabaseKeeper {
  readonly #dbPath: string;
  readonly #onNote: (text: string) => void;
  #tries: NodeJS.Timeout | null = null;
  #said = '';

  constructor(dbPath: string, onNote: (text: string) => void) {
    this.#dbPath = dbPath;
    this.#onNote = onNote;
  }

  /** A coordinator's word: why the database does not do what is asked, or null. Each change is noted once. */
  away(why: string | null, starting: boolean): void {
    if (why === null && this.#tries !== null) this.#onNote('the database answers again');
    if (why !== null && starting) this.#onNote(`${why}; the launcher waits up to two minutes for it`);
    else if (why !== null && this.#tries === null)
      this.#onNote(`the database does not answer: what runs goes on, its ends wait (${why})`);
    if (why === null) return this.close();
    this.#tries ??= setInterval(this.#revive, REVIVE_MS);
  }

  close(): void {
    if (this.#tries !== null) clearInterval(this.#tries);
    this.#tries = null;
    this.#said = '';
  }

  readonly #revive = oneAtATime(async () => {
    try {
      if (mustNotStart() !== null) return;
      const info = await readServerInfoLater(this.#dbPath);
      const died = hasDied(this.#dbPath, info);
      if (!died && !isCutOff(this.#dbPath, info)) return;
      await ensureServer(this.#dbPath);
      const what = died
        ? 'the server of the database had died'
        : "the socket of the database's server was gone";
      this.#onNote(`${what}: it was started again`);
    } catch (error) {
      const why = messageOf(error);
      if (why !== this.#said && this.#tries !== null) this.#onNote(why);
      this.#said = why;
    }
  });
}
