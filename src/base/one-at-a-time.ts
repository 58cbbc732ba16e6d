/**
 * A look at the database, or at its server, that comes round again. Behind a database that is slow or hangs such looks would
 * pile up; in a coordinator every lease and commit would wait its turn behind them.
 */

/** Starts `look`; while one is under way a call is left out. What it throws is a bug, and nobody catches it. */
export function oneAtATime(look: () => Promise<void>): () => void {
  let underWay = false;
  return () => {
    if (underWay) return;
    underWay = true;
    void look().finally(() => (underWay = false));
  };
}
