/** The other commands, help on topics, and completion: each loads its own file. */
import type { CommandDef } from 'citty';
import { UserError } from '../base/errors.ts';
import { commandNamed, COMMANDS, isCommand } from './commands.ts';
import { general, guarded, start } from './run.ts';

const LOAD: { readonly [name: string]: () => Promise<CommandDef> } = {
  init: async () => general((await import('./commands/init.ts')).initCommand),
  server: async () => general((await import('./commands/server.ts')).serverCommand),
  which: async () => general((await import('./commands/which.ts')).whichCommand),
  watch: async () => general((await import('./watch/watch.ts')).watchCommand),
  report: async () => general((await import('./report/report.ts')).reportCommand),
  log: async () => general((await import('./commands/log.ts')).logCommand),
  doctor: async () => general((await import('./doctor/doctor.ts')).doctorCommand),
  launcher: async () => general((await import('./commands/launcher.ts')).launcherCommand),
  'submit-launch': async () => general((await import('./commands/submit-launch.ts')).submitLaunchCommand),
  completion: async () => general((await import('./commands/completion.ts')).completionCommand),
};

/** Any command, also of the others: what completion asks. */
export async function commandOf(name: string): Promise<CommandDef | null> {
  if (!isCommand(name)) return null;
  if (!COMMANDS[name].often) return LOAD[name]!();
  const { OFTEN } = await import('./often.ts');
  return OFTEN[name as keyof typeof OFTEN];
}

/** Runs one of them, `help TOPIC` or `__complete`; its exit code. */
export async function startSeldom(name: string, raw: readonly string[]): Promise<number> {
  if (name === 'help') return help(raw);
  if (name === '__complete') return guarded(() => suggest(raw));
  return start(name, await LOAD[name]!(), raw);
}

/** The page of a topic, or else what `COMMAND --help` prints. */
async function help(raw: readonly string[]): Promise<number> {
  const name = commandNamed(raw[0] ?? '');
  const { TOPICS } = await import('./input/topics.ts');
  if (raw.length === 1 && isCommand(name) && !TOPICS.includes(name))
    return start(name, (await commandOf(name))!, ['--help']);
  return guarded(() => topic(raw));
}

async function topic([word = '', ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new UserError(`help: ${JSON.stringify(more[0])} is one word too many`);
  const { topicText } = await import('./input/topics.ts');
  process.stdout.write(topicText(word, Object.keys(COMMANDS)));
}

async function suggest(words: readonly string[]): Promise<void> {
  const { complete } = await import('./input/complete.ts');
  for (const { value, about } of await complete(words, commandOf))
    process.stdout.write(`${value}\t${about}\n`);
}
