/** Plans of Postgres, read by tests: how many rows one touched, and how it looks. */

/** One step of a plan, as `explain (format json)` gives it. */
export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

/** Rows that the plan touched: what scans of tables found or threw away, and pairs that a join threw away. */
export function touched(node: PlanNode): number {
  const loops = node['Actual Loops'];
  const scanned =
    node['Relation Name'] !== undefined && node['Node Type'].includes('Scan')
      ? node['Actual Rows'] +
        (node['Rows Removed by Filter'] ?? 0) +
        (node['Rows Removed by Index Recheck'] ?? 0)
      : 0;
  const paired = node['Rows Removed by Join Filter'] ?? 0;
  return (scanned + paired) * loops + (node.Plans ?? []).reduce((sum, inner) => sum + touched(inner), 0);
}

/** The plan as lines, for whoever has to find out why. */
export function outline(node: PlanNode, indent = ''): string {
  const counts = `${node['Actual Rows']} x ${node['Actual Loops']}, removed ${node['Rows Removed by Filter'] ?? 0} + ${node['Rows Removed by Join Filter'] ?? 0}`;
  const line = `${indent}${node['Node Type']} ${node['Index Name'] ?? node['Relation Name'] ?? ''} (${counts})`;
  return [line, ...(node.Plans ?? []).map((inner) => outline(inner, `${indent}  `))].join('\n');
}

/** Every step of a plan. */
export function steps(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(steps)];
}
