/**
 * What jobs ask of the database through their agents: their own record, and applications. Asked after the rows that came
 * before in the same outbox are committed, so that a job reads what it wrote.
 *
 * An error begins with its code in brackets (the job channel's codes); one that can be tried again is `unavailable`.
 */
import { messageOf, WorldError } from '../base/errors.ts';
import { writeJson } from '../base/json.ts';
import { MAX_ANSWERS_BYTES } from '../base/limits.ts';
import {
  ANSWER_FRAME_BYTES,
  MAX_CHANNEL_LINE_BYTES,
  parseRequest,
  type Request,
} from '../model/job-channel.ts';
import type { JobRequest, RequestAnswer } from '../core/coordinator/event.ts';
import { getApplication, getOrCreateApplication, updateApplication } from '../store/applications.ts';
import type { Database } from '../store/connection.ts';
import { jobRecords } from '../store/launcher/lease.ts';
import type { ApplicationRow } from '../store/rows.ts';

/** Records read by one query: each may be megabytes. */
const RECORDS_AT_ONCE = 32;

type Answered = Pick<RequestAnswer, 'json' | 'error'>;

/** Answers each request; one that fails does not spoil the others. */
export async function answerRequests(
  db: Database,
  requests: readonly JobRequest[],
): Promise<RequestAnswer[]> {
  const room = { bytes: MAX_ANSWERS_BYTES };
  const ids = [...new Set(requests.filter((r) => r.op === 'job.get').map((r) => r.job))];
  const records = new Map<string, Answered>();
  for (let i = 0; i < ids.length; i += RECORDS_AT_ONCE)
    // oxlint-disable-next-line no-await-in-loop -- what was read takes memory
    await readRecords(db, ids.slice(i, i + RECORDS_AT_ONCE), room, records);
  const answers: RequestAnswer[] = [];
  for (const r of requests) {
    // oxlint-disable-next-line no-await-in-loop -- in the order in which they were asked
    const answer = r.op === 'job.get' ? records.get(r.job)! : within(await answerOne(db, r), room);
    answers.push({ incarnation: r.incarnation, request: r.request, ...answer });
  }
  return answers;
}

/** Records as text; several questions for one job share it. */
async function readRecords(
  db: Database,
  ids: readonly string[],
  room: { bytes: number },
  into: Map<string, Answered>,
): Promise<void> {
  let failure: string | null = room.bytes > 0 ? null : TOO_MUCH;
  let found: Awaited<ReturnType<typeof jobRecords>> = new Map();
  try {
    if (failure === null) found = await jobRecords(db, ids);
  } catch (error) {
    failure = sentence(error);
  }
  for (const id of ids) {
    const record = found.get(id);
    const gone = `[over] job ${id} is not in the database any more`;
    if (record) into.set(id, within({ json: writeJson(record), error: '' }, room));
    else into.set(id, { json: '', error: failure ?? gone });
  }
}

const TOO_MUCH = '[unavailable] too much was asked for at once: try again';

/** An answer must fit into a line, and all answers of one commit into memory. */
function within(answer: Answered, room: { bytes: number }): Answered {
  const bytes = Buffer.byteLength(answer.json);
  if (bytes + ANSWER_FRAME_BYTES > MAX_CHANNEL_LINE_BYTES)
    return {
      json: '',
      error: `[too-large] the answer has ${bytes} bytes, and a line at most ${MAX_CHANNEL_LINE_BYTES}`,
    };
  if (room.bytes <= 0) return { json: '', error: TOO_MUCH };
  room.bytes -= bytes;
  return answer;
}

async function answerOne(db: Database, r: JobRequest): Promise<Answered> {
  try {
    const asked = parseRequest(r.json);
    if (!asked.ok) return { json: '', error: `[${asked.code}] ${asked.error}` };
    return { json: writeJson(await ask(db, asked.request)), error: '' };
  } catch (error) {
    return { json: '', error: sentence(error) };
  }
}

async function ask(
  db: Database,
  q: Request,
): Promise<{ application: ApplicationRow | null; created?: boolean }> {
  switch (q.op) {
    case 'application.get':
      return { application: await getApplication(db, q.name) };
    case 'application.getOrCreate': {
      const [application, created] = await getOrCreateApplication(db, q.name, q.defaults);
      return { application, created };
    }
    case 'application.save': {
      const present = await getApplication(db, q.name);
      if (!present) throw new Error(`[not-found] no application ${q.name}`);
      return { application: await updateApplication(db, present.id, q.set) };
    }
    case 'job.get':
    case 'job.patch':
      throw new Error(`[unsupported] ${q.op} is no question`);
  }
}

function sentence(error: unknown): string {
  const text = messageOf(error);
  if (text.startsWith('[')) return text;
  return error instanceof WorldError && error.code !== 'rejected'
    ? `[unavailable] ${text}`
    : `[refused] ${text}`;
}
