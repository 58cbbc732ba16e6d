/**
 * What `--json` prints: one object a line, beginning with its kind and the version of that kind's shape. docs/json.md
 * describes every kind, and a test holds what commands print against that page. A change that takes a member away or
 * gives it another meaning raises the version; a further member does not.
 */
import { writeJson } from '../../base/json.ts';

/** Every kind, with the version of its shape. */
const VERSIONS = {
  application: 1,
  check: 1,
  connection: 1,
  created: 1,
  database: 1,
  directory: 1,
  explanation: 1,
  history: 1,
  job: 1,
  killed: 1,
  launch: 1,
  launcher: 1,
  launcher_missed: 1,
  launcher_ended: 1,
  launcher_progress: 1,
  launcher_started: 1,
  log_line: 1,
  modified: 1,
  output: 1,
  progress: 1,
  removed: 1,
  report: 1,
  requeued: 1,
  server: 1,
  state_count: 1,
  tree_node: 1,
  workflow: 1,
} as const;

export type JsonKind = keyof typeof VERSIONS;

/** One line of `--json`, without its newline. */
export function jsonLine(kind: JsonKind, members: object): string {
  return writeJson({ kind, version: VERSIONS[kind], ...members });
}

/** The option of every command that reads or changes something. */
export const JSON_OPTION = {
  json: { type: 'boolean', description: 'JSON lines for programs (docs/json.md)' },
} as const;
