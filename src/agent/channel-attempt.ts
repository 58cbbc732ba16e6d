/**
 * What the job channel knows of one attempt: its token, its record once it was asked for, and how much `data` it has
 * written. The record shows every patch of the attempt at once, whatever of them is committed.
 *
 * Called by job-channel. It must never let `data` grow beyond MAX_DATA_BYTES as far as it can be known here, and keep no
 * more of a job that patches for ever than its data as it would become.
 */
import { writeJson } from '../base/json.ts';
import { MAX_DATA_BYTES } from '../base/limits.ts';
import type { JobRecord, Request } from '../model/job-channel.ts';
import type { JsonValue } from '../model/query.ts';

export type PatchRequest = Extract<Request, { op: 'job.patch' }>;

/** A patch as texts for the outbox. */
export interface PatchTexts {
  dataJson: string;
  removed: string[];
  fieldsJson: string;
}

/** Bytes that a key takes beside its texts. */
const KEY_BYTES = 8;

/** A connection that speaks for an attempt, as the attempt's end sees it. */
export interface Speaker {
  readonly isEnded: boolean;
  readonly ended: Promise<void>;
  readonly pending: number;
  end(): void;
}

export class Attempt {
  readonly job: string;
  readonly attempt: number;
  /** `<job>:<attempt>:<proof>`; nobody but the attempt's processes is told. */
  readonly token: string;
  readonly connections = new Set<Speaker>();
  record: JobRecord | null = null;
  readonly #workingDirectory: string;
  /** Bytes of each key of `data` with its value, as far as they are known, and their sum. */
  #sizes = new Map<string, number>();
  #bytes = 0;
  /** Records that were asked for and have not come, and what was patched meanwhile: the answers may not have it. */
  #asked = 0;
  readonly #since = new Map<string, JsonValue | undefined>();
  #description: string | undefined;

  constructor(of: { job: string; attempt: number; token: string; workingDirectory: string }) {
    this.job = of.job;
    this.attempt = of.attempt;
    this.token = of.token;
    this.#workingDirectory = of.workingDirectory;
  }

  /** Applies a patch here and returns its texts; null, and nothing is applied, when `data` would become too large. */
  patch(request: PatchRequest): PatchTexts | null {
    const parts: string[] = [];
    const sizes: [string, number][] = [];
    let own = 0;
    let bytes = this.#bytes;
    for (const [key, value] of Object.entries(request.set)) {
      const part = `${JSON.stringify(key)}:${JSON.stringify(value)}`;
      const size = Buffer.byteLength(part) + KEY_BYTES;
      parts.push(part);
      sizes.push([key, size]);
      own += size;
      bytes += size - (this.#sizes.get(key) ?? 0);
    }
    for (const key of request.removed) own += Buffer.byteLength(key) + KEY_BYTES;
    const fieldsJson = Object.keys(request.fields).length === 0 ? '' : JSON.stringify(request.fields);
    own += Buffer.byteLength(fieldsJson);
    if (Math.max(own, bytes) > MAX_DATA_BYTES) return null;
    for (const [key, size] of sizes) this.#sizes.set(key, size);
    for (const key of request.removed) {
      bytes -= this.#sizes.get(key) ?? 0;
      this.#sizes.delete(key);
    }
    this.#bytes = bytes;
    if (this.record) apply(this.record, request);
    if (this.#asked > 0) this.#note(request);
    return {
      dataJson: parts.length === 0 ? '' : `{${parts.join(',')}}`,
      removed: request.removed,
      fieldsJson,
    };
  }

  #note(request: PatchRequest): void {
    for (const key of request.removed) this.#since.set(key, undefined);
    for (const [key, value] of Object.entries(request.set)) this.#since.set(key, value);
    this.#description = request.fields.description ?? this.#description;
  }

  /** The record is asked for: what is patched from now on is not in the answer. */
  ask(): void {
    this.#asked += 1;
  }

  /** It did not come. */
  unanswered(): void {
    this.#asked -= 1;
    if (this.#asked > 0) return;
    this.#since.clear();
    this.#description = undefined;
  }

  /** It came, as the database has it; returns it as the job is to see it. */
  answered(row: Omit<JobRecord, 'working_directory'>): JobRecord {
    const record = { ...row, working_directory: this.#workingDirectory };
    // Whatever of its start is committed by now: the program that asks is running.
    if (record.state !== 'USER_KILLED') record.state = 'RUNNING';
    for (const [key, value] of this.#since) put(record.data, key, value);
    record.description = this.#description ?? record.description;
    this.record = record;
    this.#sizes = new Map();
    this.#bytes = 0;
    for (const [key, value] of Object.entries(record.data)) {
      const size = sizeOf(key, value);
      this.#sizes.set(key, size);
      this.#bytes += size;
    }
    this.unanswered();
    return record;
  }
}

function sizeOf(key: string, value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(key)) + Buffer.byteLength(writeJson(value)) + 1 + KEY_BYTES;
}

function apply(record: JobRecord, patch: PatchRequest): void {
  for (const key of patch.removed) put(record.data, key, undefined);
  for (const [key, value] of Object.entries(patch.set)) put(record.data, key, value);
  if (patch.fields.description !== undefined) record.description = patch.fields.description;
}

/** Sets a key, or takes it away; not by assignment, as `__proto__` is a key like others. */
function put(data: JobRecord['data'], key: string, value: JsonValue | undefined): void {
  if (value === undefined) delete data[key];
  else Object.defineProperty(data, key, { value, configurable: true, enumerable: true, writable: true });
}
