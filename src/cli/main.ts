/**
 * The command `balsam`: help, version, and the choice of what to load for the rest.
 *
 * Started by bin/balsam. It must stay cheap: help and --version load nothing but this file and the names of the commands.
 */
import fs from 'node:fs';
import { enableCompileCache } from 'node:module';
import { keepIgnored } from '../base/entry.ts';
import { EXIT_FAILED, EXIT_USAGE } from '../base/errors.ts';
import { codeDirectory } from '../base/own-directory.ts';
import { didYouMean } from '../base/suggest.ts';
import { commandNamed, COMMANDS, isCommand, LATER } from './commands.ts';

async function main(argv: readonly string[]): Promise<number> {
  const [typed, ...raw] = argv;
  if (typed === undefined || typed === '-h' || typed === '--help' || (typed === 'help' && raw.length === 0)) {
    process.stdout.write(help());
    return 0;
  }
  if (typed === '-V' || typed === '--version') {
    process.stdout.write(`balsam ${version()}\n`);
    return 0;
  }
  const name = commandNamed(typed);
  if (!isCommand(name) && typed !== 'help' && typed !== '__complete') return refuse(typed, name);
  useCompileCache();
  if (isCommand(name) && COMMANDS[name].often) return (await import('./often.ts')).startOften(name, raw);
  return (await import('./seldom.ts')).startSeldom(name, raw);
}

function refuse(typed: string, name: string): number {
  const later = Object.hasOwn(LATER, name) ? LATER[name] : undefined;
  const what = typed.startsWith('-') ? 'option' : 'command';
  const near = didYouMean(typed, Object.keys(COMMANDS));
  process.stderr.write(
    later === undefined
      ? `balsam: unknown ${what} ${JSON.stringify(typed)}${near}; \`balsam --help\` lists the commands\n`
      : `balsam: balsam ${name} is not supported yet: ${later}\n`,
  );
  return EXIT_USAGE;
}

/**
 * What V8 made of our files is kept for the next command. In the person's own directory, or not at all: what lies in a
 * place where others can write must not become code.
 */
function useCompileCache(): void {
  const directory = codeDirectory('compile-cache');
  if (directory !== null) enableCompileCache(directory);
}

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return [
    'usage: balsam COMMAND [options]',
    '',
    'Runs many jobs inside batch allocations.',
    '',
    ...lines,
    '',
    'balsam COMMAND --help shows the options of a command; long options may be shortened.',
    'balsam help TOPIC explains: tour, filters, fields, states, environment, json, exit-codes, completion.',
    '',
  ].join('\n');
}

/** From package.json, which is two directories up from the source and one up from the bundle. */
function version(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const found: unknown = JSON.parse(fs.readFileSync(new URL(up, import.meta.url), 'utf8'));
      if (
        typeof found === 'object' &&
        found !== null &&
        'name' in found &&
        found.name === 'balsam' &&
        'version' in found
      ) {
        return String(found.version);
      }
    } catch {
      // The other place, then.
    }
  }
  return 'unknown';
}

keepIgnored();
// What can't be told on stderr can't be told; the exit code stays that of what was asked.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // It has a display of its own, and goes on without.
  if (commandNamed(process.argv[2] ?? '') === 'launcher') return;
  // Whoever reads us may stop reading (head, less): that is no failure.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`balsam: stdout can't be written: ${error.message}\n`);
  process.exit(EXIT_FAILED);
});

process.exitCode = await main(process.argv.slice(2));
