/** `balsam modify --type apps`: changes one field of an application, named by its number or its whole name. */
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { listApplications, updateApplication } from '../../store/applications.ts';
import { absolute } from './app.ts';
import { escaped } from '../output/format.ts';
import { jsonLine } from '../output/json.ts';
import { printLine } from '../output/terminal.ts';

const FIELDS = ['name', 'description', 'executable', 'preprocess', 'envscript', 'postprocess'] as const;

/** Those that hold a command, and are stored with absolute paths as `balsam app` stores them. */
const COMMANDS: readonly string[] = ['executable', 'preprocess', 'postprocess'];

export async function modifyApplication(
  db: OpenDatabase,
  id: string,
  typed: string,
  text: string,
  json: boolean,
): Promise<void> {
  const field = FIELDS.find((name) => name === typed.toLowerCase());
  if (field === undefined) {
    throw new UserError(
      `an application has no field ${JSON.stringify(typed)}${didYouMean(typed, FIELDS)}; its fields are ${FIELDS.join(', ')}`,
    );
  }
  if ((field === 'name' || field === 'executable') && text.trim() === '')
    throw new UserError(`${field} must not be empty`);
  const apps = await listApplications(db);
  const app = apps.find((one) => one.name === id) ?? apps.find((one) => String(one.id) === id);
  if (app === undefined) {
    const names = apps.map((one) => one.name);
    throw new UserError(
      `no application ${id}${didYouMean(id, names)}; balsam ls apps shows them`,
      EXIT_FAILED,
    );
  }
  const value = COMMANDS.includes(field) ? absolute(text) : text;
  const changed = await updateApplication(db, app.id, { [field]: value });
  await printLine(
    json
      ? jsonLine('modified', {
          what: 'app',
          id: String(app.id),
          name: changed.name,
          field,
          value: changed[field],
        })
      : `app ${field} changed to:  ${escaped(changed[field])}`,
  );
}
