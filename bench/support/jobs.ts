/** The jobs that the row `create` makes. */
import type { NewJobFields } from '../../src/client/index.ts';

export function fieldsOf(i: number): NewJobFields {
  return {
    name: `job${i}`,
    workflow: 'create',
    application: 'true',
    args: `--input ${i}`,
    nodePackingCount: 8,
    data: { x: i, note: 'a'.repeat(40) },
  };
}
