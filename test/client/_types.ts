/**
 * What the compiler must accept and refuse of the client's API: every `@ts-expect-error` stands before a line that is an
 * error, or is an error itself. Checked by `npm run types` against the source, and by package.test.ts against the types
 * that the package ships. It is never run.
 */
import { ApplicationDefinition, BalsamJob, openBalsam } from 'balsam';
import type { BalsamDatabase, JobConditions, JobState, JsonValue, StateCounts } from 'balsam';

const { objects } = BalsamJob;

/** That two types are one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export function isTrue<T extends true>(yes: T): T {
  return yes;
}

export async function accepted(): Promise<void> {
  const jobs = await objects
    .filter({ workflow: 'w', name: { startsWith: 'a', not: 'ab' }, numNodes: { gte: 2, lt: 8 } })
    .exclude({ or: [{ state: 'FAILED' }, { not: { 'data.x.y.0': { gt: 3 } } }] })
    .filter({ state: { in: ['CREATED', 'RUNNING'] }, launcher: null, queuedLaunchId: { isNull: true } })
    .filter({ createdAt: { range: [new Date(0), '2026-01-01'] }, parents: { contains: 'id' }, 'data.s': 'x' })
    .orderBy('-numNodes', 'name')
    .slice(0, 10);
  isTrue<Same<typeof jobs, BalsamJob[]>>(true);
  const state: JobState | undefined = jobs[0]?.state;
  const rows = await objects.values('name', 'numNodes', 'launcher', 'data.x');
  isTrue<
    Same<
      (typeof rows)[number],
      { name: string; numNodes: number; launcher: number | null; 'data.x': JsonValue }
    >
  >(true);
  const counts: StateCounts = await objects.countByState();
  const failed: number | undefined = counts.FAILED;
  const [job, created] = await objects.getOrCreate({ name: 'a' }, { args: 'b', environVars: { A: '1' } });
  const both: [string, boolean] = [job.name, created];
  const changed: number = await objects.update({ args: 'x', data: { seen: true } });
  for await (const each of objects.all()) each.data['x'] = [1, { y: null }];
  await using db = await openBalsam({ path: '/db' });
  const given: BalsamDatabase = db;
  await given.jobs.create({ name: 'a' });
  await given.applications.update({ description: 'd' });
  const conditions: JobConditions = { 'data.x': true };
  void [state, failed, both, changed, conditions, new BalsamJob({}, db)];
}

export function refused(): void {
  // @ts-expect-error an unknown field
  void objects.filter({ nmae: 'x' });
  // @ts-expect-error the store's name of a field
  void objects.filter({ num_nodes: 1 });
  // @ts-expect-error a text for a number
  void objects.filter({ numNodes: '1' });
  // @ts-expect-error a number for a text
  void objects.filter({ name: 1 });
  // @ts-expect-error a state that does not exist
  void objects.filter({ state: 'FINISHED' });
  // @ts-expect-error a state that does not exist, in a list
  void objects.filter({ state: { in: ['CREATED', 'DONE'] } });
  // @ts-expect-error an unknown comparison
  void objects.filter({ name: { contians: 'x' } });
  // @ts-expect-error a number contains no text
  void objects.filter({ numNodes: { contains: '1' } });
  // @ts-expect-error true and false have no order
  void objects.filter({ waitForParents: { lt: true } });
  // @ts-expect-error a list needs a word
  void objects.filter({ name: ['a', 'b'] });
  // @ts-expect-error a name is never null
  void objects.filter({ name: null });
  // @ts-expect-error bounds of one kind only
  void objects.filter({ numNodes: { range: [1, 'x'] } });
  // @ts-expect-error a path begins with data
  void objects.filter({ 'args.x': 1 });
  // @ts-expect-error a bigint is no JSON
  void objects.filter({ 'data.x': 1n });
  // @ts-expect-error an unknown field in a combination
  void objects.filter({ or: [{ nmae: 'x' }] });
  // @ts-expect-error or takes a list
  void objects.filter({ or: { name: 'x' } });
  // @ts-expect-error an unknown field
  void objects.orderBy('nmae');
  // @ts-expect-error an unknown field
  void objects.values('nmae');
  // @ts-expect-error state is never set by update
  void objects.update({ state: 'FAILED' });
  // @ts-expect-error a text for a number
  void objects.update({ numNodes: '2' });
  // @ts-expect-error an unknown field of a new job
  void objects.create({ nmae: 'x' });
  // @ts-expect-error a text for a number
  void objects.bulkCreate([{ numNodes: '2' }]);
  // @ts-expect-error a state that does not exist
  void objects.batchUpdateState([], 'DONE');
  // @ts-expect-error an unknown field of a job
  void new BalsamJob().nmae;
  // @ts-expect-error state can be read, not set
  new BalsamJob().state = 'FAILED';
  // @ts-expect-error a function is no JSON
  new BalsamJob().data['x'] = () => 1;
  // @ts-expect-error applications have no data
  void ApplicationDefinition.objects.values('data.x');
  // @ts-expect-error applications cannot be killed
  void ApplicationDefinition.objects.kill();
  // @ts-expect-error an application needs a name
  void ApplicationDefinition.objects.create({ executable: '/x' });
  // @ts-expect-error an unknown option
  void openBalsam({ pth: '/x' });
}
