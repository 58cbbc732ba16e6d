/** The process of a node agent: `main.ts FILE [--node N [--log FILE]]`. Started by a warden, or by its mpirun; never by hand. */
import { EXIT_USAGE, exitCodeOf } from '../base/errors.ts';
import { runAgent } from './run.ts';

const [file, flag, node, logFlag, log] = process.argv.slice(2);
const isLocal = flag === '--node' && /^\d+$/.test(node ?? '') && (logFlag ?? '--log') === '--log';
if (file === undefined || (flag !== undefined && !isLocal)) {
  console.error('an agent is started by `balsam launcher`');
  process.exit(EXIT_USAGE);
}
const options = { file, node: node === undefined ? null : Number(node), log: log ?? null };
process.exit(await runAgent(options).catch(exitCodeOf));
