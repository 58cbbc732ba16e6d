/**
 * Rows with versions and locks, as Postgres keeps them under READ COMMITTED: a statement sees what was committed when it
 * began; what it locks or updates it waits for, and then judges anew by the newest version of that one row, while
 * everything else stays as its snapshot has it; what it writes is seen by others after the commit.
 *
 * No time and no chance: a statement is a generator that yields where it must wait; whoever drives it decides when it goes
 * on. The store's tables and statements stand on it, and the server that gives it time and weather.
 */

/** `for key share`, the lock of a plain update, `for update`. */
export type LockMode = 'keyShare' | 'noKeyUpdate' | 'update';

/** Where a statement stops: at a row that another holds, or because it was asked to stand still before this lock. */
export type Stop = { row: Row<unknown>; mode: LockMode } | 'pause';

export type Work<T> = (s: Statement) => Generator<Stop, T, void>;

export class Transaction {
  readonly name: string;
  state: 'open' | 'committed' | 'aborted' = 'open';
  /** Its place in the order of commits. */
  seq = Infinity;
  /** Statements so far. */
  command = 0;
  readonly written = new Set<Row<unknown>>();
  readonly locked = new Set<Row<unknown>>();
  waitsFor: { row: Row<unknown>; mode: LockMode } | null = null;
  /** What the tables want to know at its commit. */
  readonly notes: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

interface Snapshot {
  tx: Transaction;
  command: number;
  asOf: number;
}

interface Version<R> {
  /** undefined: deleted. */
  value: R | undefined;
  by: Transaction;
  command: number;
  /** Its writer held the row `for update`: a key share does not pass it unseen. */
  keyed: boolean;
}

const CONFLICTS: Record<LockMode, readonly LockMode[]> = {
  keyShare: ['update'],
  noKeyUpdate: ['noKeyUpdate', 'update'],
  update: ['keyShare', 'noKeyUpdate', 'update'],
};
const STRENGTH: readonly LockMode[] = ['keyShare', 'noKeyUpdate', 'update'];

export class Row<R> {
  readonly key: string;
  /** Oldest first; what is not committed is last, and of one transaction. */
  versions: Version<R>[] = [];
  readonly #holders = new Map<Transaction, LockMode>();
  readonly waiters = new Set<Statement>();

  constructor(key: string) {
    this.key = key;
  }

  /** As everybody sees it now. */
  get committed(): R | undefined {
    for (let i = this.versions.length - 1; i >= 0; i--)
      if (this.versions[i]!.by.state === 'committed') return this.versions[i]!.value;
    return undefined;
  }

  seen({ tx, command, asOf }: Snapshot): Version<R> | undefined {
    for (let i = this.versions.length - 1; i >= 0; i--) {
      const v = this.versions[i]!;
      if (v.by === tx ? v.command < command : v.by.seq <= asOf) return v;
    }
    return undefined;
  }

  /** The newest that is committed or its own. */
  newest(tx: Transaction): Version<R> | undefined {
    return this.versions.findLast((v) => v.by === tx || v.by.state === 'committed');
  }

  /** Who stands in the way of this lock. */
  blockers(tx: Transaction, mode: LockMode): Transaction[] {
    const found: Transaction[] = [];
    for (const [holder, held] of this.#holders)
      if (holder !== tx && CONFLICTS[mode].includes(held)) found.push(holder);
    return found;
  }

  isBlocked(tx: Transaction, mode: LockMode): boolean {
    if (this.#holders.size === 0) return false;
    for (const [holder, held] of this.#holders)
      if (holder !== tx && CONFLICTS[mode].includes(held)) return true;
    return false;
  }

  /** Another has written it and has not committed. */
  isBeingWritten(tx: Transaction): boolean {
    const last = this.versions.at(-1);
    return last !== undefined && last.by !== tx && last.by.state === 'open';
  }

  hold(tx: Transaction, mode: LockMode): void {
    const held = this.#holders.get(tx);
    if (held === undefined || STRENGTH.indexOf(held) < STRENGTH.indexOf(mode)) this.#holders.set(tx, mode);
    tx.locked.add(this);
  }

  holds(tx: Transaction): LockMode | undefined {
    return this.#holders.get(tx);
  }

  letGo(tx: Transaction): void {
    this.#holders.delete(tx);
  }
}

export class Table<K, R> {
  readonly #name: string;
  readonly #rows = new Map<K, Row<R>>();
  /** Not committed when they were last counted. */
  readonly #unseen = new Set<Row<R>>();

  constructor(name: string) {
    this.#name = name;
  }

  row(key: K): Row<R> {
    let row = this.#rows.get(key);
    if (!row) {
      row = new Row(`${this.#name} ${String(key)}`);
      this.#rows.set(key, row);
      this.#unseen.add(row);
    }
    return row;
  }

  rows(): Iterable<Row<R>> {
    return this.#rows.values();
  }

  // --- as everybody sees it now ---

  get(key: K): R | undefined {
    return this.#rows.get(key)?.committed;
  }

  /** Nothing is deleted: a row that was there is there. */
  get size(): number {
    for (const row of this.#unseen) if (row.committed !== undefined) this.#unseen.delete(row);
    return this.#rows.size - this.#unseen.size;
  }

  *[Symbol.iterator](): Generator<[K, R]> {
    for (const [key, row] of this.#rows) {
      const value = row.committed;
      if (value !== undefined) yield [key, value];
    }
  }

  *values(): Generator<R> {
    for (const [, value] of this) yield value;
  }
}

export class Statement {
  readonly tx: Transaction;
  readonly #snapshot: Snapshot;
  /** It stands still before its lock of this number, from 0; -1: nowhere. */
  pauseBefore = -1;
  #locks = 0;
  /** Called when what it waits for may be free. */
  wake: () => void = () => undefined;

  constructor(tx: Transaction, asOf: number) {
    this.tx = tx;
    this.#snapshot = { tx, command: ++tx.command, asOf };
  }

  get asOf(): number {
    return this.#snapshot.asOf;
  }

  /** What a plain read finds. */
  see<R>(row: Row<R>): R | undefined {
    return row.seen(this.#snapshot)?.value;
  }

  /** The rows that its snapshot shows and that match, in the order in which they were made. */
  all<K, R>(table: Table<K, R>, matches: (value: R) => boolean): { row: Row<R>; value: R }[] {
    const found: { row: Row<R>; value: R }[] = [];
    for (const row of table.rows()) {
      const version = row.seen(this.#snapshot);
      if (version?.value !== undefined && matches(version.value)) found.push({ row, value: version.value });
    }
    return found;
  }

  /**
   * Locks a row that its snapshot shows and that matches, and gives it as it is to be used; null when it does not match, or
   * not any more, or is skipped. A key share passes over updates, done or under way, whose maker had not locked the row
   * `for update`, and keeps the old version: that is how Postgres does it, and why a change of epoch locks the row.
   */
  *take<R>(
    row: Row<R>,
    mode: LockMode,
    matches: (value: R) => boolean,
    skip = false,
  ): Generator<Stop, R | null, void> {
    const seen = row.seen(this.#snapshot);
    if (seen?.value === undefined || !matches(seen.value)) return null;
    if (this.#locks++ === this.pauseBefore) yield 'pause';
    for (;;) {
      const moved = mode !== 'keyShare' || isKeyed(row, seen);
      const blocked = row.isBlocked(this.tx, mode);
      if (blocked || (moved && row.isBeingWritten(this.tx))) {
        if (skip) return null;
        yield { row: row as Row<unknown>, mode: blocked ? mode : 'noKeyUpdate' };
        continue;
      }
      row.hold(this.tx, mode);
      const value = moved ? row.newest(this.tx)?.value : seen.value;
      return value !== undefined && matches(value) ? value : null;
    }
  }

  /** `insert … on conflict do update`, by the newest version, whatever the snapshot shows; null from `make`: do nothing. */
  *upsert<R>(row: Row<R>, make: (old: R | undefined) => R | null): Generator<Stop, R | null, void> {
    while (row.isBlocked(this.tx, 'noKeyUpdate')) yield { row: row as Row<unknown>, mode: 'noKeyUpdate' };
    row.hold(this.tx, 'noKeyUpdate');
    const value = make(row.newest(this.tx)?.value);
    if (value !== null) this.write(row, value);
    return value;
  }

  /** Of a row that it has locked; without a value it is deleted. */
  write<R>(row: Row<R>, value: R | undefined): void {
    const held = row.holds(this.tx);
    if (held === undefined || held === 'keyShare') throw new Error(`${row.key} is written without its lock`);
    row.versions.push({ value, by: this.tx, command: this.#snapshot.command, keyed: held === 'update' });
    this.tx.written.add(row as Row<unknown>);
  }
}

/** Somebody has changed it since this version, and had locked it `for update`. */
function isKeyed<R>(row: Row<R>, since: Version<R>): boolean {
  for (let i = row.versions.length - 1; i >= 0 && row.versions[i] !== since; i--) {
    const v = row.versions[i]!;
    if (v.keyed && v.by.state === 'committed') return true;
  }
  return false;
}

/** Begins and ends transactions, and knows who waits for whom. */
export class Transactions {
  #seq = 0;
  readonly #running = new Set<Statement>();

  /** Its snapshot is of now. */
  statement(tx: Transaction): Statement {
    const s = new Statement(tx, this.#seq);
    this.#running.add(s);
    return s;
  }

  waits(s: Statement, at: { row: Row<unknown>; mode: LockMode }): void {
    s.tx.waitsFor = at;
    at.row.waiters.add(s);
  }

  /** The circle of waiters that it is in: a deadlock. null: none. */
  circle(s: Statement): string | null {
    const found = circleOf(s.tx);
    return found && found.map((tx) => tx.name).join(' waits for ');
  }

  goesOn(s: Statement): void {
    s.tx.waitsFor?.row.waiters.delete(s);
    s.tx.waitsFor = null;
  }

  /** It is over, or is given up. */
  ended(s: Statement): void {
    this.goesOn(s);
    this.#running.delete(s);
  }

  commit(tx: Transaction): void {
    tx.seq = ++this.#seq;
    tx.state = 'committed';
    let oldest = this.#seq;
    for (const s of this.#running) oldest = Math.min(oldest, s.asOf);
    for (const row of tx.written) {
      const needed = row.versions.findLastIndex((v) => v.by.seq <= oldest);
      if (needed > 0) row.versions.splice(0, needed);
    }
    for (const note of tx.notes) note();
    this.#release(tx);
  }

  abort(tx: Transaction): void {
    tx.state = 'aborted';
    for (const row of tx.written) row.versions = row.versions.filter((v) => v.by !== tx);
    this.#release(tx);
  }

  #release(tx: Transaction): void {
    const woken: Statement[] = [];
    for (const row of tx.locked) {
      row.letGo(tx);
      woken.push(...row.waiters);
    }
    for (const s of woken) if (s.tx.waitsFor) s.wake();
  }
}

/** The transactions from `tx` over those it waits for back to itself. */
function circleOf(tx: Transaction): Transaction[] | null {
  const follow = (at: Transaction, way: Transaction[]): Transaction[] | null => {
    if (!at.waitsFor) return null;
    for (const next of at.waitsFor.row.blockers(at, at.waitsFor.mode)) {
      if (next === tx) return [...way, tx];
      const found = way.includes(next) ? null : follow(next, [...way, next]);
      if (found) return found;
    }
    return null;
  };
  return follow(tx, [tx]);
}
