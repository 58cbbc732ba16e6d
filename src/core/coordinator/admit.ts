/**
 * How jobs come into the books of a coordinator: those that a lease brought, and the entries that a takeover makes.
 */
import { MAX_JOB_TEXT, MAX_LABEL } from '../../base/limits.ts';
import type { App } from '../messages.ts';
import type { LeasedJob } from './batch.ts';
import type { AppFacts, Now } from './event.ts';
import { newEntryPhase, type EntryPhase } from './phases.ts';
import { forsake, packingOf } from './placement.ts';
import { release, releaseAsFailed, restOf } from './release.ts';
import type { CoordinatorState, Entry } from './state.ts';

/** Takes a leased job into the books; one that cannot be started at all is FAILED with the reason. */
export function admit(
  s: CoordinatorState,
  job: LeasedJob,
  apps: ReadonlyMap<string, AppFacts | null>,
  now: Now,
): void {
  const facts = apps.get(job.application) ?? null;
  // One that is over here may be leased again before we hear that its end is written; any other was let go by hand.
  const old = s.entries.get(job.id);
  if (old) forsake(s, old);
  const entry = makeEntry(s, job, 'queued', now);
  s.entries.set(job.id, entry);
  s.lastBusyAt = now.mono;
  const refusal =
    facts === null
      ? `application ${shorten(job.application)} is not registered`
      : (unsupported(facts) ?? tooLong(job, facts));
  if (refusal !== null || facts === null) return releaseAsFailed(s, entry, refusal ?? '');
  if (s.phase !== 'running') return release(s, entry, { to: 'keep', message: '' });
  entry.app = appOf(s, facts);
  s.typicalShare = entry.share;
  s.queue.push(entry);
}

/** What does not fit into one start command: an agent could not start it either. */
function tooLong(job: LeasedJob, app: AppFacts): string | null {
  const texts = {
    name: job.name,
    workflow: job.workflow,
    args: job.args,
    environ_vars: job.environVars,
    user_workdir: job.userWorkdir,
    mpi_flags: job.mpiFlags,
    cpu_affinity: job.cpuAffinity,
    parents: job.parents,
    'executable of the application': app.executable,
    'envscript of the application': app.envscript,
    'name of the application': app.name,
  };
  let sum = 0;
  for (const text of Object.values(texts)) sum += text.length;
  if (sum <= MAX_JOB_TEXT) return null;
  const [name, longest] = Object.entries(texts).reduce((a, b) => (b[1].length > a[1].length ? b : a));
  return `its ${name} has ${longest.length} characters; a start takes ${MAX_JOB_TEXT} in all: put it into a file`;
}

/** A name for a sentence. */
function shorten(text: string): string {
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL).toWellFormed()}…` : text;
}

function unsupported(app: AppFacts): string | null {
  const what = app.preprocess === '' ? (app.postprocess === '' ? null : 'postprocess') : 'preprocess';
  return what === null ? null : `application ${app.name} has a ${what} script, which is not supported yet`;
}

/** The launcher's own number for an application as it is now: an edited one is another, and is sent again. */
export function appOf(s: CoordinatorState, f: AppFacts): App {
  const key = JSON.stringify([f.name, f.executable, f.envscript]);
  let app = s.apps.get(key);
  if (!app) {
    app = { index: s.apps.size + 1, name: f.name, executable: f.executable, envscript: f.envscript };
    s.apps.set(key, app);
  }
  return app;
}

/** A new entry, with no place and no application yet. */
export function makeEntry(s: CoordinatorState, job: LeasedJob, phase: EntryPhase, now: Now): Entry {
  return {
    job,
    app: { index: 0, name: job.application, executable: '', envscript: '' },
    phase: newEntryPhase(s, phase),
    share: 1 / packingOf(s.config.mode, job),
    on: [],
    leasedAt: now.wall,
    sentAt: 0,
    notBefore: now.mono + restOf(job),
    startedAt: null,
    runningCommitted: false,
    killSent: 0,
    userKilled: false,
    retractSent: false,
    sentEpoch: 0,
    avoid: [],
    gang: [],
    namedAt: 0,
  };
}
