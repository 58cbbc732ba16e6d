/** The person's home. It may be missing (containers, cron), and nothing that we do may need it: whoever asks goes without. */
import os from 'node:os';
import path from 'node:path';

/** The home directory; null when there is none: HOME is empty or relative, or not set and the user has no passwd entry. */
export function homeDirectory(): string | null {
  const home = process.env['HOME'];
  if (home !== undefined) return path.isAbsolute(home) ? home : null;
  try {
    const found = os.homedir();
    return path.isAbsolute(found) ? found : null;
  } catch {
    return null;
  }
}
