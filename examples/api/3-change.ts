/**
 * Changing jobs. `save` sends only what changed, `data` by its keys: two scripts that set different keys of one job both
 * win. Many at once go in one transaction, all or none.
 */
import { BalsamJob, UserError } from 'balsam';

const job = await BalsamJob.objects.create({ workflow: 'c', name: 'a', data: { input: 1 } });
const elsewhere = await BalsamJob.objects.get({ id: job.id });
job.data['x'] = 1;
elsewhere.data['y'] = 2;
await Promise.all([job.save(), elsewhere.save()]);
await job.refresh();
console.log(Object.keys(job.data).sort().join(' '));

await BalsamJob.objects.bulkCreate([
  { workflow: 'c', name: 'b' },
  { workflow: 'c', name: 'd' },
]);
const all = BalsamJob.objects.filter({ workflow: 'c' });
console.log(await all.update({ wallTimeMinutes: 30, data: { seen: true } }), 'updated');

await BalsamJob.objects.batchUpdateState(await all.filter({ name: 'b' }), 'FAILED', 'not needed any more');
console.log(await all.filter({ name: 'd' }).kill(), 'killed', await all.countByState());
for (const { state, message } of await (await all.get({ name: 'b' })).history()) console.log(state, message);

try {
  await all.filter({ numNodes: '2' } as never);
} catch (error) {
  if (error instanceof UserError) console.log(error.message);
}
console.log(await all.delete(), 'deleted');

//> input x y
//> 3 updated
//> 1 killed { CREATED: 1, FAILED: 1, USER_KILLED: 1 }
//> CREATED
//> FAILED not needed any more
//> numNodes is compared with an integer, not "2"
//> 3 deleted
