/**
 * The store's lease and commit in a loop, nothing else: the yardstick of the row dispatch, and what the row store measures.
 * `bare-store.ts DB_PATH CONNECTIONS [BATCH [fence|bare [JOBS]]]`, started by a row with a channel, over which it tells how
 * many jobs in how long, and how long leases and commits took. `bare` takes the fence out of the statements that are sent.
 */
import { MAX_BATCH } from '../../src/base/limits.ts';
import { openDatabase } from '../../src/server/open.ts';
import { commitBatch, type EndRow } from '../../src/store/launcher/commit.ts';
import type { Database, Queries } from '../../src/store/connection.ts';
import { leave, registerLauncher } from '../../src/store/launcher/row.ts';
import { leaseJobs, type LeasedJob } from '../../src/store/launcher/lease.ts';

const [path, connections, batch, fence, jobs] = process.argv.slice(2);
const count = Number(connections);
const size = batch === undefined ? MAX_BATCH : Number(batch);
/** No more leases are asked for after so many jobs. */
const enough = jobs === undefined ? Infinity : Number(jobs);
await using opened = await openDatabase({
  path: path!,
  applicationName: 'bench bare',
  role: 'coordinator',
  max: count,
});
const db = fence === 'bare' ? withoutFence(opened) : opened;

/** The launcher row neither looked up nor locked; everything else as it is. */
function withoutFence(fenced: Database): Database {
  const FENCE = /fence as materialized \([^)]* for key share\)/;
  const bare = `fence as materialized (select $1::int as id, $1::int as launcher where $2::int > 0)`;
  const rewritten = (sql: Queries): Queries =>
    new Proxy(sql, {
      get: (target, name) => {
        if (name !== 'unsafe') return Reflect.get(target, name) as unknown;
        return (text: string, values: (string | number)[], options: object) => {
          if (!FENCE.test(text)) throw new Error(`a statement without a fence: ${text.slice(0, 200)}`);
          return target.unsafe(text.replace(FENCE, bare), values, options);
        };
      },
    });
  return new Proxy(fenced, {
    get: (target, name) =>
      name === 'run'
        ? <T>(work: (sql: Queries) => Promise<T>) => target.run((sql) => work(rewritten(sql)))
        : (Reflect.get(target, name, target) as unknown),
  });
}

const { id: launcher, epoch } = await registerLauncher(opened, {
  name: `bare-${process.pid}`,
  host: 'bench',
  mode: 'serial',
  wfFilter: '',
  nodes: 4,
  schedulerId: '',
  leftMs: null,
});

let report = 0;
let done = 0;
let taken = 0;
let [leaseMs, commitMs] = [0, 0];

function endOf({ id, attempt }: LeasedJob): EndRow {
  const now = Date.now();
  return {
    id,
    attempt,
    report: ++report,
    node: 'node0001',
    leasedAt: now,
    startedAt: now,
    endedAt: now,
    outcome: 'RUN_DONE',
    state: 'JOB_FINISHED',
    helperLost: false,
    exitCode: 0,
    signal: null,
    userS: 0.001,
    systemS: 0.002,
    maxRssKib: 1_024,
    message: '',
    dataJson: '',
    dataRemoved: [],
    description: null,
  };
}

async function loop(): Promise<void> {
  while (taken < enough) {
    const asked = performance.now();
    const { jobs: leased } = await leaseJobs(db, {
      launcher,
      epoch,
      limit: size,
      maxNodes: 4,
      maxWallMinutes: null,
      order: 'serial',
      serialOnly: true,
      workflows: null,
      anyOwner: false,
    });
    if (leased.length === 0) return;
    taken += leased.length;
    const had = performance.now();
    const answer = await commitBatch(db, {
      launcher,
      epoch,
      starts: [],
      patches: [],
      ends: leased.map(endOf),
      releases: [],
    });
    leaseMs += had - asked;
    commitMs += performance.now() - had;
    done += answer.ends.filter((outcome) => outcome === 'applied').length;
  }
}

const from = performance.now();
await Promise.all(Array.from({ length: count }, loop));
const seconds = (performance.now() - from) / 1_000;
await leave(opened, launcher, epoch);
process.send?.({ done, seconds, leaseMs, commitMs });
process.disconnect?.();
