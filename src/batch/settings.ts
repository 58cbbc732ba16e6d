/**
 * The part of PATH/settings.json that concerns batch systems. Unknown keys are other rooms' and are left alone; a value
 * of the wrong type is a UserError that names it, never a silent default.
 */
import fs from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { EXIT_FAILED, UserError } from '../base/errors.ts';

const schema = z.looseObject({
  /** `auto`, or the name of one. */
  scheduler: z._default(z.string(), 'auto'),
  /** Template of the batch script, relative to PATH; null: job-templates/<scheduler>.tmpl, else the built-in one. */
  job_template: z._default(z.nullable(z.string()), null),
});
export type BatchSettings = z.infer<typeof schema>;

/** Reads the settings of the database at `root`; all defaults when there is no file. */
export function readBatchSettings(root: string): BatchSettings {
  const file = path.join(root, 'settings.json');
  let text = '{}';
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file} is not JSON: correct it`, EXIT_FAILED);
  }
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UserError(
    `${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected value'}`,
    EXIT_FAILED,
  );
}
