/**
 * A process that does one step of the cluster room, as another user, on another host or inside an allocation would. Prints
 * its result as JSON on stdout; a failure as its sentence on stderr, exit code 1.
 */
import { ensureServer, moveServerHere, stopServer } from '../../src/server/server.ts';
import { initCluster } from '../../src/server/init.ts';
import { openDatabase } from '../../src/server/open.ts';
import { UserError } from '../../src/base/errors.ts';

const [, , step = '', root = ''] = process.argv;
try {
  console.log(JSON.stringify(await perform()));
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
}

async function perform(): Promise<unknown> {
  switch (step) {
    case 'init':
      return await initCluster(
        root,
        process.env['TEST_LISTEN'] === undefined ? {} : { listen: process.env['TEST_LISTEN'] },
      );
    case 'ensure':
      return await ensureServer(root);
    case 'move':
      return await moveServerHere(root);
    case 'open': {
      await using db = await openDatabase({ path: root, applicationName: 'test', role: 'client', max: 1 });
      const [row] = await db.sql`select current_user::text as "user", inet_server_addr()::text as address`;
      return row;
    }
    case 'stop':
      return await stopServer(root);
    default:
      throw new Error(`no step ${String(step)}`);
  }
}
