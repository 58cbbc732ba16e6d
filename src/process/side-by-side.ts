/** How many jobs an agent can run side by side, whatever is asked for, and what limits it. */
import { MAX_PACKING } from '../base/limits.ts';
import { filesForJobs, jobsForFiles } from '../base/open-files.ts';
import { NODE_HELPERS_MAX } from '../base/process-limits.ts';
import type { HelperKind } from './helper.ts';

/** `why`: '' where as many run as may share a node. */
export function jobsSideBySide(kind: HelperKind, openFiles: number): { most: number; why: string } {
  const byFiles = jobsForFiles(openFiles);
  const byKind = kind === 'node' ? NODE_HELPERS_MAX : MAX_PACKING;
  if (Math.min(byFiles, byKind) >= MAX_PACKING) return { most: MAX_PACKING, why: '' };
  if (byKind < byFiles)
    return { most: byKind, why: 'python3 is not there, and each job takes a helper in Node of 40 MB' };
  const wanted = filesForJobs(MAX_PACKING);
  return {
    most: byFiles,
    why: `${openFiles} files may be open at once, ${wanted} are needed for ${MAX_PACKING} jobs: raise it by \`ulimit -n\``,
  };
}
