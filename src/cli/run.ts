/**
 * Runs one command with what was typed after its name, and turns what it throws into one sentence and an exit code: 0
 * done, 1 it failed, 2 the words were wrong, 70 a bug of ours.
 */
import { stripVTControlCharacters } from 'node:util';
import { renderUsage, runCommand } from 'citty';
import type { ArgsDef, CommandDef } from 'citty';
import { EXIT_FAILED, EXIT_USAGE, messageOf, UserError, WorldError } from '../base/errors.ts';
import { spoken } from '../server/open.ts';
import { lookOf } from './output/look.ts';
import { asksHelp, canonical } from './input/options.ts';
import { wrapped } from './output/wrap.ts';

const EXIT_BUG = 70;

/** Columns of a usage, where the terminal has no fewer. */
const USAGE_WIDTH = 80;

/** Commands declare their own arguments; what is needed of them here is the same for all. */
export function general<T extends ArgsDef>(command: CommandDef<T>): CommandDef {
  return command as unknown as CommandDef;
}

/** The exit code of the command, or of its help. */
export function start(name: string, command: CommandDef, raw: readonly string[]): Promise<number> {
  return guarded(async () => {
    if (asksHelp(raw)) {
      process.stdout.write(await usage(name, command));
      return;
    }
    const args = typeof command.args === 'function' ? await command.args() : await command.args;
    await runCommand(command, { rawArgs: canonical(name, raw, args ?? {}) });
  });
}

/** The exit code of `work`: what it set itself, or that of what it threw, which is said on stderr. */
export async function guarded(work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

async function usage(name: string, command: CommandDef): Promise<string> {
  const meta = typeof command.meta === 'function' ? await command.meta() : await command.meta;
  const args = typeof command.args === 'function' ? await command.args() : await command.args;
  const shown = { ...command, meta: { ...meta, name }, args: withoutLongAliases(args ?? {}) };
  const text = await renderUsage(shown, { meta: { name: 'balsam' } });
  const { colour, width } = lookOf();
  return `${wrapped(colour ? text : stripVTControlCharacters(text), Math.min(width ?? USAGE_WIDTH, USAGE_WIDTH))}\n`;
}

/** citty writes every alias with one dash: those of more than a letter are told in words. */
function withoutLongAliases(args: ArgsDef): ArgsDef {
  return Object.fromEntries(
    Object.entries(args).map(([name, def]) => {
      if (!('alias' in def) || def.alias === undefined) return [name, def];
      const aliases = [def.alias].flat();
      const long = aliases.filter((alias) => alias.length > 1).map((alias) => `--${alias}`);
      const also = long.length === 0 ? '' : ` (also ${long.join(', ')})`;
      const short = aliases.filter((alias) => alias.length === 1);
      return [name, { ...def, alias: short, description: `${def.description ?? ''}${also}` }];
    }),
  );
}

function report(thrown: unknown): number {
  const error = spoken(thrown);
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
