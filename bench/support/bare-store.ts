/**
 * The yardstick of the row dispatch: the store's lease and commit in a loop, behind the fence, nothing else.
 * `bare-store.ts DB_PATH CONNECTIONS`, started by the row with a channel, over which it tells how many jobs in how long.
 */
import { MAX_BATCH } from '../../src/base/limits.ts';
import { openDatabase } from '../../src/cluster/open.ts';
import { commitBatch, type EndRow } from '../../src/store/commit-store.ts';
import { leave, registerLauncher } from '../../src/store/launcher-store.ts';
import { leaseJobs, type LeasedJob } from '../../src/store/lease-store.ts';

const [path, connections] = process.argv.slice(2);
const count = Number(connections);
await using db = await openDatabase({
  path: path!,
  applicationName: 'bench bare',
  role: 'coordinator',
  max: count,
});
const { id: launcher, epoch } = await registerLauncher(db, {
  name: `bare-${process.pid}`,
  host: 'bench',
  mode: 'serial',
  wfFilter: '',
  nodes: 4,
  schedulerId: '',
});

let report = 0;
let done = 0;

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
  for (;;) {
    const { jobs } = await leaseJobs(db, {
      launcher,
      epoch,
      limit: MAX_BATCH,
      maxNodes: 4,
      maxWallMinutes: null,
      order: 'serial',
      serialOnly: true,
      workflows: null,
      anyOwner: false,
    });
    if (jobs.length === 0) return;
    const answer = await commitBatch(db, {
      launcher,
      epoch,
      starts: [],
      patches: [],
      ends: jobs.map(endOf),
      releases: [],
    });
    done += answer.ends.filter((outcome) => outcome === 'applied').length;
  }
}

const from = performance.now();
await Promise.all(Array.from({ length: count }, loop));
const seconds = (performance.now() - from) / 1_000;
await leave(db, launcher, epoch);
process.send?.({ done, seconds });
process.disconnect?.();
