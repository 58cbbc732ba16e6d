/**
 * What the store really sends, and what Postgres reads to answer it: calls are recorded inside a transaction that is undone,
 * and their statements explained in another one, by the plans that the session keeps.
 */
import type { Database, Queries } from '../../src/store/connection.ts';

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

type Value = string | number | boolean;
export interface Sent {
  text: string;
  values: readonly Value[];
}

class Rollback extends Error {}

/** Work inside a transaction that is undone. */
export async function undone<T>(db: Database, work: (sql: Queries) => Promise<T>): Promise<T> {
  const result = Promise.withResolvers<T>();
  await db
    .transaction(async (sql) => {
      result.resolve(await work(sql));
      throw new Rollback();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Rollback)) throw error;
    });
  return result.promise;
}

/** `sql` with every statement written down before it is sent. */
export function recording(sql: Queries, sent: Sent[]): Queries {
  return new Proxy(sql, {
    apply: (target, self, args: unknown[]) => {
      const [strings, ...values] = args as [readonly string[], ...Value[]];
      const text = strings.map((part, i) => (i === 0 ? part : `$${i}${part}`)).join('');
      sent.push({ text, values });
      return Reflect.apply(target as unknown as (...all: unknown[]) => unknown, self, args);
    },
    get: (target, name) => {
      if (name !== 'unsafe') return Reflect.get(target, name) as unknown;
      return (text: string, values: Value[] = [], options?: object) => {
        sent.push({ text, values });
        return target.unsafe(text, values, options);
      };
    },
  });
}

function literal(value: Value): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** Prepared statements of one session by their text, and their plans by execution. */
export class Prepared {
  readonly #names = new Map<string, string>();

  async prepare(sql: Queries, { text }: Sent): Promise<void> {
    if (this.#names.has(text)) return;
    const name = `hot_${this.#names.size}`;
    this.#names.set(text, name);
    await sql.unsafe(`prepare ${name} as ${text}`);
  }

  has({ text }: Sent): boolean {
    return this.#names.has(text);
  }

  async explain(sql: Queries, { text, values }: Sent): Promise<PlanNode> {
    const args = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
    const [row] = await sql.unsafe(
      `explain (analyze, timing off, costs off, buffers off, format json) execute ${this.#names.get(text)!}${args}`,
    );
    const plan = (row as unknown as { 'QUERY PLAN': { Plan: PlanNode }[] | string })['QUERY PLAN'];
    return (typeof plan === 'string' ? (JSON.parse(plan) as { Plan: PlanNode }[]) : plan)[0]!.Plan;
  }
}
