#!/usr/bin/env node
/**
 * One script, three purposes: it is the application `square`, it registers that application, and it fills the database
 * with N jobs of it. Run it as `./app.ts 10`; the launcher runs it again, once per job.
 */
import { ApplicationDefinition, BalsamJob, currentJob } from 'balsam';

// Bootstrap the application if it is not in the database yet. It is looked up by its name alone, so that another path to
// this file (login node, compute node) changes nothing.
await ApplicationDefinition.objects.getOrCreate({
  name: 'square',
  executable: import.meta.filename,
});

/** Inside a Balsam job: does the calculation. */
async function run(job: BalsamJob): Promise<void> {
  const x = Number(job.data['x']);
  const y = x ** 2;
  job.data['y'] = y;
  await job.save();
}

/** On a command line: creates N tasks to square a number. */
async function createJobs(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const job = new BalsamJob({
      name: `square${i}`,
      workflow: 'demo-square',
      application: 'square',
    });
    job.data['x'] = i;
    await job.save();
  }
  console.log(`Created ${count} jobs`);
}

if (currentJob) {
  await run(currentJob);
} else {
  const count = Number(process.argv[2] ?? Number.NaN);
  if (!Number.isInteger(count) || count < 0) {
    console.error('usage: app.ts N');
    process.exit(2);
  }
  await createJobs(count);
}
