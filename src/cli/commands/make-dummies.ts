/** `balsam make_dummies N`: N jobs that do nothing, to try a launcher with. */
import { defineCommand } from 'citty';
import { newId } from '../../base/ids.ts';
import { getOrCreateApplication } from '../../store/applications.ts';
import { copyJobs } from '../../store/jobs/change.ts';
import type { NewJob } from '../../store/rows.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { integer } from '../input/options.ts';
import { printLine, withDatabase } from '../output/terminal.ts';

/** As many to a node as in the original. */
const PACKING = 64;

export const makeDummiesCommand = defineCommand({
  meta: { name: 'make_dummies', description: 'Add jobs that do nothing' },
  args: { n: { type: 'positional', required: true, description: 'how many' }, ...JSON_OPTION },
  async run({ args }) {
    const count = integer('N', args.n, 1);
    await withDatabase(async (db) => {
      await getOrCreateApplication(db, 'dummy', { executable: 'echo' });
      const made = await copyJobs(db, dummies(count));
      await printLine(
        args.json === true
          ? jsonLine('created', { application: 'dummy', workflow: 'dummy', count: made })
          : `Added ${made} dummy jobs to the DB`,
      );
    });
  },
});

function* dummies(count: number): Generator<NewJob> {
  for (let i = 0; i < count; i++) {
    yield {
      job_id: newId(),
      name: `dummy${i}`,
      workflow: 'dummy',
      application: 'dummy',
      args: 'hello',
      node_packing_count: PACKING,
    };
  }
}
