/** The facts of the applications that jobs name, read anew each time: an edit counts from the next lease on. */
import type { AppFacts } from '../core/coordinator/event.ts';
import { applicationsByName } from '../store/applications.ts';
import type { Database } from '../store/connection.ts';

/** By name; null for one that is not registered. */
export async function factsOf(
  db: Database,
  jobs: readonly { application: string }[],
): Promise<Map<string, AppFacts | null>> {
  const names = [...new Set(jobs.map((j) => j.application))];
  const facts = new Map<string, AppFacts | null>(names.map((name) => [name, null]));
  if (names.length > 0) for (const [name, row] of await applicationsByName(db, names)) facts.set(name, row);
  return facts;
}
