/**
 * Databases by name instead of BALSAM_DB_PATH, several at once. `await using` closes them (Node 24; before, call
 * `close()`); a script that does not close ends by itself all the same.
 */
import { BalsamJob, openBalsam } from 'balsam';

const path = process.env['BALSAM_DB_PATH'] ?? '';
await using here = await openBalsam({ path });
await using there = await openBalsam({ path, maxConnections: 1 });

await here.jobs.create({ workflow: 'd', name: 'made here' });
await new BalsamJob({ workflow: 'd', name: 'made there' }, there).save();
console.log(await there.jobs.filter({ workflow: 'd' }).orderBy('name').values('name'));

//> [ { name: 'made here' }, { name: 'made there' } ]
