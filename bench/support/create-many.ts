/**
 * Makes jobs in a process of its own, so that its memory can be told: `create-many.ts COUNT LIST`, where LIST is how many
 * BalsamJob objects go into one bulkCreate, 0 for one bulkCreate of a generator. Prints seconds, CPU and peak memory as JSON.
 */
import { BalsamJob, closeBalsam } from '../../src/client/index.ts';
import { fieldsOf } from './jobs.ts';

const [count = 0, list = 0] = process.argv.slice(2).map(Number);
const from = performance.now();
if (list === 0) await BalsamJob.objects.bulkCreate(fields(0, count));
for (let made = 0; list > 0 && made < count; made += list) {
  const jobs = [...fields(made, Math.min(made + list, count))].map((one) => new BalsamJob(one));
  await BalsamJob.objects.bulkCreate(jobs);
}
const seconds = (performance.now() - from) / 1_000;
await closeBalsam();
const { user, system } = process.cpuUsage();
const peakMib = process.resourceUsage().maxRSS / 1_024;
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakMib }));

function* fields(begin: number, end: number): Generator<ReturnType<typeof fieldsOf>> {
  for (let i = begin; i < end; i++) yield fieldsOf(i);
}
