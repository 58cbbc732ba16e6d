/**
 * Work that costs the same for one as for a thousand: what is asked for in one turn, or while it is under way, is done
 * together.
 */
export function together<K, T>(work: (keys: K[]) => Promise<T>): (key: K) => Promise<T> {
  let waiting: { keys: K[]; done: Promise<T> } | null = null;
  let last: Promise<unknown> = Promise.resolve();
  return (key) => {
    if (waiting === null) {
      const round = { keys: [] as K[] };
      const before = last;
      const done = (async (): Promise<T> => {
        await before;
        await new Promise((resolve) => setImmediate(resolve));
        waiting = null;
        return work(round.keys);
      })();
      last = done.catch(() => undefined);
      waiting = { ...round, done };
    }
    waiting.keys.push(key);
    return waiting.done;
  };
}
