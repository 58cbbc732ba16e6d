/** The process of a node agent: `main.ts FILE [--node N]`. Started by a warden, or by its mpirun; never by hand. */
import { EXIT_USAGE, exitCodeOf } from '../base/errors.ts';
import { runAgent } from './run.ts';

const [file, flag, node] = process.argv.slice(2);
if (file === undefined || (flag !== undefined && (flag !== '--node' || !/^\d+$/.test(node ?? '')))) {
  console.error('an agent is started by `balsam launcher`');
  process.exit(EXIT_USAGE);
}
process.exit(await runAgent({ file, node: node === undefined ? null : Number(node) }).catch(exitCodeOf));
