/**
 * Questions about jobs. A query runs when it is awaited or iterated; `for await` streams, however many there are.
 */
import { BalsamJob } from 'balsam';

const { objects } = BalsamJob;
await objects.bulkCreate([
  { workflow: 'q', name: 'a', numNodes: 1, data: { result: { energy: -3.5, tags: ['cold'] } } },
  { workflow: 'q', name: 'b', numNodes: 4, data: { result: { energy: 1.25, tags: ['hot', 'odd'] } } },
  { workflow: 'q', name: 'c', numNodes: 8 },
]);

const sweep = objects.filter({ workflow: 'q' });
const names = async (query: PromiseLike<BalsamJob[]>) => (await query).map((job) => job.name).join(' ');

console.log(await names(sweep.filter({ numNodes: { gte: 4 }, state: { in: ['CREATED', 'RUNNING'] } })));
console.log(await names(sweep.exclude({ name: { startsWith: 'a' } }).orderBy('-numNodes')));
// Inside data, at any depth; a number is a place in a list.
console.log(await names(sweep.filter({ 'data.result.energy': { lt: 0 } })));
console.log(await names(sweep.filter({ or: [{ 'data.result.tags.1': 'odd' }, { 'data.result': null }] })));

console.log(
  await sweep.count(),
  await sweep.exists(),
  (await sweep.last())?.name,
  await sweep.countByState(),
);
console.log(await sweep.slice(0, 2).values('name', 'data.result.energy'));
for await (const job of sweep) console.log(job.cuteId.slice(0, 3), job.state);

//> b c
//> c b
//> a
//> b c
//> 3 true c { CREATED: 3 }
//> [
//>   { name: 'a', 'data.result.energy': -3.5 },
//>   { name: 'b', 'data.result.energy': 1.25 }
//> ]
//> [a  CREATED
//> [b  CREATED
//> [c  CREATED
