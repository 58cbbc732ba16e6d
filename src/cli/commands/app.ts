/**
 * `balsam app`: registers an application. Scripts given by name are stored by absolute path, with their interpreter,
 * because jobs run in directories of their own.
 */
import fs from 'node:fs';
import path from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { openOrdinary } from '../../base/ordinary-file.ts';
import { getApplication, insertApplication } from '../../store/applications.ts';
import { applicationRecord } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { words } from '../input/options.ts';
import { printLine, withDatabase } from '../output/terminal.ts';

export const appCommand = defineCommand({
  meta: { name: 'app', description: 'Register an application' },
  args: {
    name: { type: 'string', description: 'unique name', required: true },
    executable: {
      type: 'string',
      description: 'command that jobs run; their args follow it',
      required: true,
    },
    preprocess: { type: 'string', description: 'script run before a job (not supported yet)' },
    postprocess: { type: 'string', description: 'script run after a job (not supported yet)' },
    envscript: { type: 'string', description: 'script that is sourced before a job' },
    description: words('what it is'),
    ...JSON_OPTION,
  },
  async run({ args }) {
    if (args.name.trim() === '') throw new UserError('--name must not be empty');
    if (args.executable.trim() === '') throw new UserError('--executable must not be empty');
    await withDatabase(async (db) => {
      if ((await getApplication(db, args.name)) !== null) {
        throw new UserError(`an application named ${args.name} exists already`);
      }
      const app = await insertApplication(db, {
        name: args.name,
        executable: absolute(args.executable),
        preprocess: absolute(args.preprocess ?? ''),
        postprocess: absolute(args.postprocess ?? ''),
        envscript: args.envscript === undefined ? '' : path.resolve(args.envscript),
        description: args.description ?? '',
      });
      if (args.json === true) return printLine(jsonLine('application', app));
      await printLine(applicationRecord(app));
      await printLine('Added app to database');
    });
  },
});

/**
 * The command with absolute paths: a script ending in .py gets python3 before it, one ending in .js or .ts our own Node,
 * if it is the first word and not executable itself; another first word with a slash is made absolute. Quoted words stay.
 */
export function absolute(command: string): string {
  const [first, ...rest] = command.split(/(\s+)/);
  if (first === undefined || /["'\\]/.test(command)) return command;
  const others = rest
    .map((word) => (isScript(word) && fs.existsSync(word) ? path.resolve(word) : word))
    .join('');
  if (isScript(first) && fs.existsSync(first)) {
    const file = path.resolve(first);
    const interpreter = isExecutable(file) ? [] : [first.endsWith('.py') ? 'python3' : process.execPath];
    return [...interpreter, file].join(' ') + others;
  }
  if (first.includes('/') && !first.startsWith('~') && !first.startsWith('/'))
    return path.resolve(first) + others;
  return first + others;
}

function isScript(word: string): boolean {
  return /\.(?:py|[cm]?[jt]s)$/.test(word);
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    const head = Buffer.alloc(2);
    const fd = openOrdinary(file, { follow: true });
    if (fd === null) return false;
    try {
      fs.readSync(fd, head, 0, 2, 0);
    } finally {
      fs.closeSync(fd);
    }
    return head.toString('latin1') === '#!';
  } catch {
    return false;
  }
}
