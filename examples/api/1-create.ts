/**
 * An application and some jobs of it: one at a time, many at once, or only those that are not there yet.
 */
import { ApplicationDefinition, BalsamJob } from 'balsam';

await ApplicationDefinition.objects.getOrCreate({ name: 'simulate', executable: '/opt/sim/run --quiet' });

const job = new BalsamJob({
  name: 'first',
  workflow: 'sweep',
  application: 'simulate',
  args: '--temperature 300',
});
job.numNodes = 2;
job.data['temperature'] = 300;
await job.save();

// A list, or a generator for millions: they go to Postgres as fast as it takes them.
function* temperatures() {
  for (let t = 310; t <= 400; t += 10) {
    yield { name: `t${t}`, workflow: 'sweep', application: 'simulate', data: { temperature: t } };
  }
}
console.log(await BalsamJob.objects.bulkCreate(temperatures()), 'more');

// Run again, this script makes no second one.
const [again, created] = await BalsamJob.objects.getOrCreate(
  { workflow: 'sweep', name: 'first' },
  { application: 'simulate' },
);
console.log(again.id === job.id, created, again.numRanks);

//> 10 more
//> true false 2
