/** The process of a coordinator: `main.ts FILE`. Started by a warden, never by hand. */
import { EXIT_USAGE, exitCodeOf } from '../base/errors.ts';
import { runCoordinator } from './run.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('a coordinator is started by `balsam launcher`');
  process.exit(EXIT_USAGE);
}
// A batch system may signal every process of a job: the warden, which hears it too, decides.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);
process.exit(await runCoordinator(file).catch(exitCodeOf));
