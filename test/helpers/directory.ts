/** A database directory, as `balsam init` makes one, on the shared test server: what the client and commands open. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DatabaseAddress } from '../../src/store/connection.ts';
import { initCluster } from '../../src/server/init.ts';
import { freshDatabase } from './database.ts';

export interface DatabaseDirectory {
  readonly path: string;
  readonly address: DatabaseAddress;
  remove(): Promise<void>;
}

/** Says in the settings that scripts run here, whatever batch system this machine has. */
export function submitLocally(root: string): void {
  fs.writeFileSync(path.join(root, 'settings.json'), '{"scheduler": "local"}\n');
}

/** Makes one, with a database of its own unless it is given. Its list of known databases stays inside it (BALSAM_HOME). */
export async function databaseDirectory(given?: DatabaseAddress): Promise<DatabaseDirectory> {
  const address = given ?? (await freshDatabase());
  const base = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-dir-'));
  const { host, port, user, password, database } = address;
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  process.env['BALSAM_HOME'] = path.join(base, 'home');
  const url = `postgres://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
  const made = await initCluster(path.join(base, 'db'), { url });
  submitLocally(made.path);
  return { path: made.path, address, remove: () => fs.promises.rm(base, { recursive: true, force: true }) };
}
