/** Applications: what jobs run, by unique name. */
import type { Database } from './connection.ts';
import type { ApplicationRow, NewApplication } from './rows.ts';

const notYet = (): never => {
  throw new Error('not yet written');
};
export async function getApplication(_db: Database, _name: string): Promise<ApplicationRow | null> {
  return notYet();
}
export async function insertApplication(_db: Database, _app: NewApplication): Promise<ApplicationRow> {
  return notYet();
}
export async function updateApplication(
  _db: Database,
  _id: number,
  _fields: Partial<NewApplication>,
): Promise<ApplicationRow> {
  return notYet();
}
export async function deleteApplications(_db: Database, _ids: readonly number[]): Promise<number> {
  return notYet();
}
export async function listApplications(_db: Database): Promise<ApplicationRow[]> {
  return notYet();
}
export async function getOrCreateApplication(
  _db: Database,
  _name: string,
  _defaults: Omit<NewApplication, 'name'>,
): Promise<[ApplicationRow, boolean]> {
  return notYet();
}
export async function applicationsByName(
  _db: Database,
  _names: readonly string[],
): Promise<Map<string, ApplicationRow>> {
  return notYet();
}
