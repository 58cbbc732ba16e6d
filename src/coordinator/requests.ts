/**
 * What jobs ask of the database through their agents: their own record, and applications. Asked after the rows that came
 * before in the same outbox are committed, so that a job reads what it wrote.
 *
 * An error begins with its code in brackets (the job channel's codes); one that can be tried again is `unavailable`.
 */
import { messageOf, WorldError } from '../base/errors.ts';
import type { ApplicationFields } from '../core/job-channel.ts';
import type { JobRequest, RequestAnswer } from '../core/coordinator/event.ts';
import { getApplication, getOrCreateApplication, updateApplication } from '../store/application-store.ts';
import type { Database } from '../store/connection.ts';
import { jobRecords } from '../store/lease-store.ts';
import type { ApplicationRow } from '../store/rows.ts';

/** Answers each request; one that fails does not spoil the others. */
export async function answerRequests(
  db: Database,
  requests: readonly JobRequest[],
): Promise<RequestAnswer[]> {
  const ids = [...new Set(requests.filter((r) => r.op === 'job.get').map((r) => r.job))];
  let records: Awaited<ReturnType<typeof jobRecords>> | null = null;
  let failure = '';
  try {
    records = ids.length > 0 ? await jobRecords(db, ids) : new Map();
  } catch (error) {
    failure = sentence(error);
  }
  const answers: RequestAnswer[] = [];
  for (const r of requests) {
    const base = { incarnation: r.incarnation, request: r.request };
    if (r.op !== 'job.get') answers.push({ ...base, ...(await answerOne(db, r)) });
    else if (!records) answers.push({ ...base, json: '', error: failure });
    else {
      const record = records.get(r.job);
      if (record) answers.push({ ...base, json: JSON.stringify(record), error: '' });
      else answers.push({ ...base, json: '', error: `[over] job ${r.job} is not in the database any more` });
    }
  }
  return answers;
}

async function answerOne(db: Database, r: JobRequest): Promise<{ json: string; error: string }> {
  try {
    const q = JSON.parse(r.json) as { name: string; defaults?: ApplicationFields; set?: ApplicationFields };
    return { json: JSON.stringify(await ask(db, r.op, q)), error: '' };
  } catch (error) {
    return { json: '', error: sentence(error) };
  }
}

async function ask(
  db: Database,
  op: string,
  q: { name: string; defaults?: ApplicationFields; set?: ApplicationFields },
): Promise<{ application: ApplicationRow | null; created?: boolean }> {
  switch (op) {
    case 'application.get':
      return { application: await getApplication(db, q.name) };
    case 'application.getOrCreate': {
      const [application, created] = await getOrCreateApplication(db, q.name, q.defaults ?? {});
      return { application, created };
    }
    case 'application.save': {
      const present = await getApplication(db, q.name);
      if (!present) throw new Error(`[not-found] no application ${q.name}`);
      return { application: await updateApplication(db, present.id, q.set ?? {}) };
    }
    default:
      throw new Error(`[unsupported] no operation ${op}`);
  }
}

function sentence(error: unknown): string {
  const text = messageOf(error);
  if (text.startsWith('[')) return text;
  return error instanceof WorldError && error.code !== 'rejected'
    ? `[unavailable] ${text}`
    : `[refused] ${text}`;
}
