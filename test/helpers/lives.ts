/** Whether a process lives, for tests that ended one and wait for its end. */
import fs from 'node:fs';

/** A zombie does not, once its last thread is gone: until then what it had open stays open. */
export function lives(pid: number): boolean {
  let status: string;
  try {
    status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return false;
  }
  return !/^State:\s+[ZX]/m.test(status) || !/^Threads:\s+[01]$/m.test(status);
}
