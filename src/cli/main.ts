/**
 * The command `balsam`: finds the command that was typed, loads only that one's file, and turns what it throws into one
 * sentence and an exit code: 0 done, 1 it failed, 2 the words were wrong, 70 a bug of ours.
 *
 * Started by bin/balsam. It must stay cheap: help and --version load nothing but this file.
 */
import fs from 'node:fs';
import type { ArgsDef, CommandDef } from 'citty';
import { EXIT_FAILED, EXIT_USAGE, messageOf, UserError, WorldError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';

const EXIT_BUG = 70;

interface Entry {
  readonly about: string;
  readonly load: () => Promise<CommandDef>;
}

const COMMANDS: { readonly [name: string]: Entry } = {
  init: entry('make a new database', async () => (await import('./init.ts')).initCommand),
  server: entry(
    'connect, reset or stop the database server',
    async () => (await import('./server.ts')).serverCommand,
  ),
  which: entry('show the active database', async () => (await import('./which.ts')).whichCommand),
  app: entry('register an application', async () => (await import('./app.ts')).appCommand),
  job: entry('add a job', async () => (await import('./job.ts')).jobCommand),
  ls: entry('list jobs, applications or workflows', async () => (await import('./ls.ts')).lsCommand),
  watch: entry('follow the progress of all jobs', async () => (await import('./watch.ts')).watchCommand),
  report: entry(
    'what happened and where the time went',
    async () => (await import('./report.ts')).reportCommand,
  ),
  kill: entry('kill a job', async () => (await import('./killjob.ts')).killCommand),
  killjob: entry('kill a job by --id', async () => (await import('./killjob.ts')).killjobCommand),
  launcher: entry('run jobs here, now', async () => (await import('./launcher.ts')).launcherCommand),
  'submit-launch': entry(
    'submit a launcher to the batch queue',
    async () => (await import('./submit-launch.ts')).submitLaunchCommand,
  ),
};

/** Commands declare their own arguments; what main needs of them is the same for all. */
function entry<T extends ArgsDef>(about: string, load: () => Promise<CommandDef<T>>): Entry {
  return { about, load: async () => (await load()) as unknown as CommandDef };
}

async function run(argv: readonly string[]): Promise<void> {
  const [typed, ...raw] = argv;
  if (typed === undefined || typed === '-h' || typed === '--help' || typed === 'help') {
    process.stdout.write(help());
    return;
  }
  if (typed === '-V' || typed === '--version') {
    process.stdout.write(`balsam ${version()}\n`);
    return;
  }
  const name = typed.replaceAll('_', '-');
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined) {
    const what = typed.startsWith('-') ? 'option' : 'command';
    throw new UserError(
      `unknown ${what} ${JSON.stringify(typed)}${didYouMean(typed, Object.keys(COMMANDS))}; \`balsam --help\` lists the commands`,
    );
  }
  const [command, { asksHelp, canonical }] = await Promise.all([found.load(), import('./options.ts')]);
  if (asksHelp(raw)) {
    process.stdout.write(await usage(name, command));
    return;
  }
  const { runCommand } = await import('citty');
  const args = typeof command.args === 'function' ? await command.args() : await command.args;
  await runCommand(command, { rawArgs: canonical(name, raw, args ?? {}) });
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
    '',
  ].join('\n');
}

async function usage(name: string, command: CommandDef): Promise<string> {
  const [{ renderUsage }, { stripVTControlCharacters }] = await Promise.all([
    import('citty'),
    import('node:util'),
  ]);
  const meta = typeof command.meta === 'function' ? await command.meta() : await command.meta;
  const text = await renderUsage({ ...command, meta: { ...meta, name } }, { meta: { name: 'balsam' } });
  return `${process.stdout.isTTY ? text : stripVTControlCharacters(text)}\n`;
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

/** Says what went wrong on stderr and gives the exit code. */
function report(error: unknown): number {
  if (error instanceof UserError) {
    process.stderr.write(`balsam: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof WorldError) {
    process.stderr.write(`balsam: ${error.message}\n`);
    return EXIT_FAILED;
  }
  if (error instanceof Error && error.name === 'CLIError') {
    process.stderr.write(`balsam: ${error.message}\n`);
    return EXIT_USAGE;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  process.stderr.write(`balsam: internal error, please report it\n${stack}\n`);
  return EXIT_BUG;
}

// Whoever reads us may stop reading (head, less): that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : EXIT_BUG);
  });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = report(error);
}
