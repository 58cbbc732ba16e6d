/**
 * `balsam doctor`: looks at everything that a launcher needs, and says of each thing whether it is OK, worth a look (WARN)
 * or broken (FAIL), and what to do. It changes nothing but small files in a temporary directory of its own.
 */
import { defineCommand } from 'citty';
import { EXIT_FAILED, messageOf } from '../../base/errors.ts';
import { escaped } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { lookOf } from '../output/look.ts';
import type { Look } from '../output/look.ts';
import { printLine } from '../output/terminal.ts';

export type Status = 'OK' | 'WARN' | 'FAIL';

export interface Finding {
  readonly status: Status;
  /** What was found. */
  readonly finding: string;
  /** What to do; null when it is OK. */
  readonly advice: string | null;
}

export interface Check {
  readonly name: string;
  readonly look: () => Promise<Finding> | Finding;
}

export const ok = (finding: string): Finding => ({ status: 'OK', finding, advice: null });
export const warn = (finding: string, advice: string): Finding => ({ status: 'WARN', finding, advice });
export const fail = (finding: string, advice: string): Finding => ({ status: 'FAIL', finding, advice });

export const doctorCommand = defineCommand({
  meta: { name: 'doctor', description: 'Look at everything that a launcher needs' },
  args: { ...JSON_OPTION },
  async run({ args }) {
    const [{ databaseChecks }, { limitChecks }, { machineChecks }] = await Promise.all([
      import('./doctor-database.ts'),
      import('./doctor-limits.ts'),
      import('./doctor-machine.ts'),
    ]);
    const look = lookOf();
    let failed = 0;
    for (const { name, look: examine } of [...limitChecks(), ...machineChecks(), ...databaseChecks()]) {
      const found = await examined(examine);
      if (found.status === 'FAIL') failed++;
      await printLine(args.json === true ? jsonLine('check', { name, ...found }) : lineOf(name, found, look));
    }
    if (failed > 0) process.exitCode = EXIT_FAILED;
  },
});

async function examined(examine: Check['look']): Promise<Finding> {
  try {
    return await examine();
  } catch (error) {
    return fail(messageOf(error), 'mend that, and look again');
  }
}

const COLOURS: { readonly [S in Status]: number } = { OK: 32, WARN: 33, FAIL: 31 };

function lineOf(name: string, { status, finding, advice }: Finding, look: Look): string {
  const word = look.colour ? `\u001B[${COLOURS[status]}m${status.padEnd(4)}\u001B[0m` : status.padEnd(4);
  const todo = advice === null ? '' : `\n${' '.repeat(22)}→ ${escaped(advice)}`;
  return `${word}  ${name.padEnd(14)}  ${escaped(finding)}${todo}`;
}
