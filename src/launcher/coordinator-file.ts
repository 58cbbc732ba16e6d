/** What a coordinator is told by its warden: a file of mode 0600 in the launcher's directory. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import type { Done, LeftOver } from '../model/last-words.ts';

const schema = z.object({
  dbPath: z.string(),
  /** Unique name of the launcher, made by the warden: registering twice finds the same row. */
  name: z.string(),
  host: z.string(),
  mode: z.enum(['mpi', 'serial', 'mixed']),
  wfFilter: z.string(),
  nodes: z.array(z.int()),
  /** When the launcher ends, by the monotonic clock of this host, milliseconds: no step of the wall clock moves it. null = never. */
  endAt: z.nullable(z.number()),
  /** Milliseconds; null = persistent. */
  idleExitMs: z.nullable(z.number()),
  anyOwner: z.boolean(),
  addresses: z.array(z.string()).check(z.minLength(1)),
  serverKey: z.string(),
  schedulerId: z.string(),
  /** We follow a dead coordinator of the same launcher: its server, its port, and what its last beat said. */
  predecessor: z.nullable(
    z.object({
      launcher: z.int(),
      systemIdentifier: z.string(),
      port: z.int(),
      epoch: z.int(),
      confirmedAt: z.number(),
      /** What it and those before it have done. */
      done: z.object({
        finished: z.int(),
        failed: z.int(),
        killed: z.int(),
        other: z.int(),
        unstarted: z.int(),
        unstartedWhy: z.string(),
      }),
    }),
  ),
});

export type CoordinatorFile = z.infer<typeof schema>;

/** What is known of a dead coordinator. `confirmedAt` is of this host's monotonic clock. */
export type Predecessor = NonNullable<CoordinatorFile['predecessor']>;

/** `predecessor` is JSON of its own: a successor's warden may not have been able to write it into the file. */
export async function readCoordinatorFile(
  path: string,
  predecessor: string | null = null,
): Promise<CoordinatorFile> {
  const file = JSON.parse(await readFile(path, 'utf8')) as object;
  return schema.parse(predecessor === null ? file : { ...file, predecessor: JSON.parse(predecessor) });
}

/** What a coordinator tells its warden, over the channel between them. */
export type ToWarden =
  | { kind: 'bound'; launcher: number; systemIdentifier: string; port: number }
  | { kind: 'beat'; epoch: number; confirmedAt: number }
  | {
      kind: 'progress';
      done: Done;
      running: number;
      queued: number;
      waiting: number;
      /** More wait than were counted. */
      more: boolean;
      agents: number;
    }
  /** Why the database does not do what is asked; null when it does again. Said at each change. `starting`: it has not begun. */
  | { kind: 'database'; away: string | null; starting: boolean }
  /** No agent has ever taken work, for so many seconds. */
  | { kind: 'no-agent'; seconds: number }
  /** What is left while it waits for work, said once for each change. */
  | { kind: 'left'; text: string }
  /** How it ends on purpose: left, without its row any more, or because it can't begin, or go on: `reason` is for a person. */
  | {
      kind: 'end';
      code: 'left' | 'fenced' | 'failed';
      reason: string;
      /** It left because it can't do what it is for. */
      failed: boolean;
      done: Done;
      /** null: the database did not say. */
      over: LeftOver | null;
    };

/** What a warden tells its coordinator. The end of the channel means that the warden is gone. */
export type ToCoordinator = { kind: 'leave'; reason: string; now: boolean; failed?: boolean };
