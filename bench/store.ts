/**
 * How many jobs a second the store can lease and commit as ended: behind the fence, with attempt rows, serialised here.
 * `node bench/store.ts [jobs] [batch] [connections] [data bytes]`. One question; run it small in every check.
 */
import { commitBatch, type EndRow } from '../src/store/commit-store.ts';
import { connect } from '../src/store/connection.ts';
import { registerLauncher } from '../src/store/launcher-store.ts';
import { leaseJobs, type LeasedJob } from '../src/store/lease-store.ts';
import { startServer } from '../test/helpers/database.ts';

const [jobs = 40_000, batch = 1_000, connections = 2, bytes = 0] = process.argv.slice(2).map(Number);
const mode = process.env['ORDER'] === 'serial' ? 'serial' : 'mpi';

const server = await startServer({ settings: { shared_buffers: '256MB', max_wal_size: '4GB' } });
const address = await server.database();
await using filler = connect(address, { applicationName: 'filler', role: 'client' });
await filler.sql.unsafe(`insert into job (id, name, workflow, application, args, data)
  select gen_random_uuid(), 'job' || i, 'demo', 'app', 'a b ' || i, jsonb_build_object('x', i, 'note', repeat('a', 80))
  from generate_series(1, ${jobs}) i`);
await filler.sql.unsafe('analyze');
await filler.sql.unsafe('checkpoint');
await using db = connect(address, { applicationName: 'bench', role: 'coordinator', max: connections });
const { id: launcher, epoch } = await registerLauncher(db, {
  name: 'bench',
  host: 'h',
  mode,
  wfFilter: '',
  nodes: 1,
  schedulerId: '',
});

function endOf(job: LeasedJob, report: number): EndRow {
  const now = Date.now();
  return {
    id: job.id,
    attempt: job.attempt,
    report,
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
    maxRssKib: 1024,
    message: '',
    dataJson: bytes > 0 ? JSON.stringify({ y: 'b'.repeat(bytes) }) : '',
    dataRemoved: [],
    description: null,
  };
}

const spent = { lease: 0, commit: 0 };
const latencies = { lease: [] as number[], commit: [] as number[] };
let done = 0;
let report = 0;
async function worker(): Promise<void> {
  for (;;) {
    let from = performance.now();
    const { jobs: leased } = await leaseJobs(db, {
      launcher,
      epoch,
      limit: batch,
      maxNodes: 4,
      maxWallMinutes: 60,
      order: mode,
      serialOnly: mode === 'serial',
      workflows: null,
      anyOwner: false,
    });
    latencies.lease.push(performance.now() - from);
    spent.lease += performance.now() - from;
    if (leased.length === 0) return;
    from = performance.now();
    const ends = leased.map((job) => endOf(job, ++report));
    const answer = await commitBatch(db, { launcher, epoch, starts: [], patches: [], ends, releases: [] });
    latencies.commit.push(performance.now() - from);
    spent.commit += performance.now() - from;
    done += answer.ends.filter((o) => o === 'applied').length;
  }
}
const from = performance.now();
const cpu = process.cpuUsage();
await Promise.all(Array.from({ length: connections }, worker));
const took = performance.now() - from;
const used = process.cpuUsage(cpu);
const p = (list: number[], q: number): string =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length * q)]!.toFixed(2);
console.log(
  `${done} jobs, batch ${batch}, ${connections} connections, data ${bytes}: ${Math.round((done / took) * 1000)}/s; ` +
    `lease ${((spent.lease / done) * 1000).toFixed(1)} ms/1000 (p50 ${p(latencies.lease, 0.5)} ms), ` +
    `commit ${((spent.commit / done) * 1000).toFixed(1)} ms/1000 (p50 ${p(latencies.commit, 0.5)} ms), client CPU ${((used.user + used.system) / 1000 / took).toFixed(2)}`,
);
await db.close();
await filler.close();
await server.remove();
