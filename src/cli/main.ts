/**
 * The command `balsam`: finds the command that was typed, loads only that one's file, and turns what it throws into one
 * sentence and an exit code: 0 done, 1 it failed, 2 the words were wrong, 70 a bug of ours.
 *
 * Started by bin/balsam. It must stay cheap: help and --version load nothing but this file.
 */
import fs from 'node:fs';
import type { CommandDef } from 'citty';
import { EXIT_FAILED, EXIT_USAGE, messageOf, UserError, WorldError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { commandNamed, COMMANDS, LATER } from './commands.ts';

const EXIT_BUG = 70;

async function run(argv: readonly string[]): Promise<void> {
  const [typed, ...raw] = argv;
  if (typed === undefined || typed === '-h' || typed === '--help') {
    process.stdout.write(help());
    return;
  }
  if (typed === 'help') return helpOn(raw);
  if (typed === '__complete') {
    const { complete } = await import('./complete.ts');
    for (const { value, about } of await complete(raw)) process.stdout.write(`${value}\t${about}\n`);
    return;
  }
  if (typed === '-V' || typed === '--version') {
    process.stdout.write(`balsam ${version()}\n`);
    return;
  }
  const name = commandNamed(typed);
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined) {
    const later = Object.hasOwn(LATER, name) ? LATER[name] : undefined;
    if (later !== undefined) throw new UserError(`balsam ${name} is not supported yet: ${later}`);
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

/** `balsam help`, `balsam help COMMAND`, `balsam help TOPIC`. */
async function helpOn(words: readonly string[]): Promise<void> {
  const [word, ...more] = words;
  if (word === undefined) return void process.stdout.write(help());
  if (more.length > 0) throw new UserError(`help: ${JSON.stringify(more[0])} is one word too many`);
  const name = commandNamed(word);
  if (Object.hasOwn(COMMANDS, name)) return run([name, '--help']);
  const { topicText } = await import('./topics.ts');
  process.stdout.write(topicText(word, Object.keys(COMMANDS)));
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
async function report(thrown: unknown): Promise<number> {
  // Errors of Postgres carry a code; only then is it worth loading what knows them.
  const coded = thrown instanceof Error && 'code' in thrown && !(thrown instanceof UserError);
  const error = coded ? (await import('../cluster/open.ts')).spoken(thrown) : thrown;
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
    if (error.code === 'EPIPE') process.exit(0);
    if (stream === process.stdout) fs.writeSync(2, `balsam: stdout can't be written: ${error.message}\n`);
    process.exit(EXIT_FAILED);
  });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = await report(error);
}
