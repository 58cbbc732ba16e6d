/**
 * One of many ranks that try to acquire jobs at once. Run as a program (address, number) it is a process of its own, which
 * begins when all of them are there.
 */
import { fileURLToPath } from 'node:url';
import { connect, type DatabaseAddress } from '../../src/store/connection.ts';
import { heldJobs } from '../../src/store/launcher/lease.ts';
import { until } from './_locks.ts';
import { another, lease } from './_store.ts';

export const RANKS = 20;
export const JOBS = 30;
export const WANTED = 7;

/** What one rank took, what it saw as its own then, and what it took of the rest. */
export interface Rank {
  launcher: number;
  taken: string[];
  again: string[];
  holds: string[];
}

export async function rank(address: DatabaseAddress, i: number): Promise<Rank> {
  await using db = connect(address, { applicationName: `rank${i}`, role: 'coordinator', max: 1 });
  const of = await another(db, `rank${i}`);
  // All begin together: none before every rank has registered.
  await until('all ranks are there', async () => {
    const [row] = await db.sql`select count(*)::int as n from launcher where name like 'rank%'`;
    return row!['n'] === RANKS;
  });
  const ids = (jobs: readonly { id: string }[]): string[] => jobs.map((job) => job.id);
  const taken = ids(await lease(of, { limit: WANTED }));
  const holds = ids(await heldJobs(db, of.launcher));
  const again = ids(await lease(of, { limit: WANTED }));
  return { launcher: of.launcher, taken, again, holds };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [address, number] = process.argv.slice(2);
  const answer = await rank(JSON.parse(address!) as DatabaseAddress, Number(number));
  process.send!(answer, undefined, undefined, () => process.disconnect());
}
