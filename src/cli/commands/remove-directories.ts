/**
 * Removes the working directories of jobs that were deleted: only directories that a job's name and id lead to below
 * `data`, never through a link, and never one that another job has too. What is not clearly that is left and told.
 */
import fs from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { filed, ID_DIGITS, jobDirectory } from '../../model/job-directory.ts';
import type { Database } from '../../store/connection.ts';
import { jobsWithDigitsOf, type DeletedJob } from '../../store/jobs/many.ts';

export class DirectoryRemover {
  removed = 0;
  /** Those that were left, and why: the first, and how many. */
  left: { count: number; first: string } = { count: 0, first: '' };
  readonly #db: Database;
  readonly #data: string;
  /** Directories of workflows, once looked at: null for one that is none. */
  readonly #parents = new Map<string, string | null>();

  /** `data` is the database's directory for jobs. */
  constructor(db: Database, data: string) {
    this.#db = db;
    this.#data = fs.existsSync(data) ? fs.realpathSync(data) : data;
  }

  async remove(jobs: readonly DeletedJob[]): Promise<void> {
    // A job with a directory of its own choice has none of ours, and there may be anything in it.
    const ours = jobs.filter((job) => job.user_workdir === '');
    const ids = ours.map((job) => job.job_id);
    const others = new Set(
      (await jobsWithDigitsOf(this.#db, ids, ID_DIGITS)).map((job) => jobDirectory(filed(job))),
    );
    for (const job of ours) {
      const relative = jobDirectory(filed(job));
      if (others.has(relative)) this.#leave(relative, 'another job has it too');
      else await this.#removeOne(relative);
    }
  }

  /** Removes the directories of workflows in which nothing is left. */
  async finish(): Promise<void> {
    for (const parent of this.#parents.values()) {
      // One in which there is something stays: that is the answer of the system.
      if (parent !== null && parent !== this.#data) await fs.promises.rmdir(parent).catch(() => undefined);
    }
  }

  async #removeOne(relative: string): Promise<void> {
    const parent = await this.#parentOf(relative);
    if (parent === null) return;
    const directory = path.join(parent, path.basename(relative));
    try {
      const found = await fs.promises.lstat(directory);
      if (!found.isDirectory()) return this.#leave(relative, 'it is no directory');
      await fs.promises.rm(directory, { recursive: true });
      this.removed += 1;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#leave(relative, messageOf(error));
    }
  }

  /** The directory that it is in; null when that is not there, or a link: what is behind it is not ours. */
  async #parentOf(relative: string): Promise<string | null> {
    const parent = path.join(this.#data, path.dirname(relative));
    const known = this.#parents.get(parent);
    if (known !== undefined) return known;
    const real = await fs.promises.realpath(parent).catch(() => null);
    if (real !== null && real !== parent) this.#leave(relative, 'the directory of its workflow is a link');
    const found = real === parent ? parent : null;
    this.#parents.set(parent, found);
    return found;
  }

  #leave(relative: string, why: string): void {
    this.left.count += 1;
    if (this.left.first === '') this.left.first = `${path.join(this.#data, relative)}: ${why}`;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
