/**
 * The graph of jobs as the lines of `ls --tree`: parents before children, a job under each of its parents. Pure: it gets
 * all the jobs that are to be shown and asks for nothing.
 */
import type { JobRow } from '../../store/rows.ts';

export type TreeJob = Pick<JobRow, 'job_id' | 'name' | 'workflow' | 'state' | 'parents'>;

/** The columns that a tree is made from. */
export const TREE_FIELDS = ['job_id', 'name', 'workflow', 'state', 'parents'] as const;

export interface TreeNode {
  readonly job: TreeJob;
  /** From 1. */
  readonly depth: number;
  /** Its children stand under the first of its places only: written out each time, a graph of diamonds would double at
   * every level. */
  readonly repeated: boolean;
}

/**
 * The lines for `jobs`, in their order. Roots are those none of whose parents is among them, so that a filter hides no job
 * that it matched.
 */
export function treeOf(jobs: readonly TreeJob[]): TreeNode[] {
  const there = new Set(jobs.map((job) => job.job_id));
  const children = new Map<string, TreeJob[]>();
  const roots: TreeJob[] = [];
  for (const job of jobs) {
    const parents = [...new Set(job.parents)].filter((id) => there.has(id));
    if (parents.length === 0) roots.push(job);
    for (const id of parents) {
      const known = children.get(id);
      if (known === undefined) children.set(id, [job]);
      else known.push(job);
    }
  }
  const nodes: TreeNode[] = [];
  const written = new Set<string>();
  const stack = roots.toReversed().map((job) => ({ job, depth: 1 }));
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { job, depth } = at;
    const below = children.get(job.job_id) ?? [];
    const repeated = below.length > 0 && written.has(job.job_id);
    nodes.push({ job, depth, repeated });
    if (repeated) continue;
    written.add(job.job_id);
    for (const child of below.toReversed()) stack.push({ job: child, depth: depth + 1 });
  }
  return nodes;
}
