/**
 * What a coordinator reports about the attempts that it holds, as plain rows: the words between the coordinator and
 * launcher/commit.ts. They hold no promise of order: launcher/commit.ts applies patches, then starts and ends, then releases.
 */
import type {
  CommitRows,
  EndRow,
  PatchRow,
  ReleaseRow,
  RowOutcome,
  RowOutcomes,
  StartRow,
} from '../core/coordinator/batch.ts';

export type { EndRow, PatchRow, ReleaseRow, RowOutcome, StartRow };

/** The rows of one commit, and under which lease of the launcher row they are written. */
export interface CommitBatch extends Readonly<CommitRows> {
  launcher: number;
  epoch: number;
}

export interface CommitAnswer extends RowOutcomes {
  /** false: the fence row was not there, nothing was written, and the lists are empty. */
  fenced: boolean;
}
