/** The process of a coordinator: `main.ts FILE [--log FILE] [--predecessor JSON]`. Started by a warden, never by hand. */
import { ignoreLeaveSignals } from '../base/entry.ts';
import { EXIT_USAGE, exitCodeOf } from '../base/errors.ts';
import { runCoordinator } from './run.ts';

// A batch system may signal every process of a job: the warden, which hears it too, decides.
ignoreLeaveSignals();
const [file, ...rest] = process.argv.slice(2);
if (file === undefined) {
  console.error('a coordinator is started by `balsam launcher`');
  process.exit(EXIT_USAGE);
}
const optionOf = (name: string): string | null =>
  rest.includes(name) ? (rest[rest.indexOf(name) + 1] ?? null) : null;
const options = { log: optionOf('--log'), predecessor: optionOf('--predecessor') };
process.exit(await runCoordinator(file, options).catch(exitCodeOf));
