/** Reads docs/json.md as a schema and holds values against it: each member documented, and nothing else. */
import fs from 'node:fs';
import path from 'node:path';
import { isId } from '../../src/base/ids.ts';
import { isJobState } from '../../src/model/job.ts';
import { ROOT } from '../helpers/program.ts';

interface Shape {
  readonly type: string;
  readonly members: Map<string, Shape>;
}

export interface Kind {
  readonly version: number;
  readonly shape: Shape;
}

/** Every kind of docs/json.md, by name. */
export function documentedKinds(): Map<string, Kind> {
  const text = fs.readFileSync(path.join(ROOT, 'docs/json.md'), 'utf8');
  const kinds = new Map<string, Kind>();
  for (const section of text.split(/^### /m).slice(1)) {
    const [, name, version] = /^(\w+) (\d+)\n/.exec(section) ?? [];
    if (name === undefined) throw new Error(`a heading without a version: ${section.slice(0, 40)}`);
    const shape: Shape = { type: 'object', members: new Map() };
    for (const [, where, type] of section.matchAll(/^\| ([\w.[\]]+) \| ([^|]+?) \|/gm)) {
      if (where === 'member') continue;
      const steps = where!.replaceAll('[]', '').split('.');
      const parent = steps.slice(0, -1).reduce<Shape | undefined>((at, step) => at?.members.get(step), shape);
      if (parent === undefined) throw new Error(`${name}: ${where} stands before what it is a member of`);
      parent.members.set(steps.at(-1)!, { type: type!, members: new Map() });
    }
    kinds.set(name, { version: Number(version), shape });
  }
  return kinds;
}

/** What is wrong with one printed object, as sentences. */
export function faults(kinds: ReadonlyMap<string, Kind>, printed: Record<string, unknown>): string[] {
  const { kind, version, ...members } = printed;
  const known = kinds.get(String(kind));
  if (known === undefined) return [`kind ${String(kind)} is not documented`];
  if (version !== known.version) return [`${String(kind)} has version ${String(version)}`];
  if (Object.keys(printed).slice(0, 2).join() !== 'kind,version') return ['it does not begin with its kind'];
  return objectFaults(String(kind), known.shape, members);
}

function objectFaults(at: string, shape: Shape, value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no object`];
  if (shape.members.size === 0) return [];
  const members = value as Record<string, unknown>;
  const extra = Object.keys(members).filter((name) => !shape.members.has(name));
  return [
    ...extra.map((name) => `${at}.${name} is not documented`),
    ...[...shape.members].flatMap(([name, of]) =>
      Object.hasOwn(members, name)
        ? valueFaults(`${at}.${name}`, of, of.type, members[name])
        : [`${at}.${name} is missing`],
    ),
  ];
}

function valueFaults(at: string, shape: Shape, type: string, value: unknown): string[] {
  if (type.endsWith(' or null'))
    return value === null ? [] : valueFaults(at, shape, type.slice(0, -8), value);
  if (type.startsWith('list of ')) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, i) => valueFaults(`${at}[${i}]`, shape, type.slice(8), item));
  }
  if (type === 'object') return objectFaults(at, shape, value);
  const check = CHECKS[type];
  if (check === undefined) return [`${at}: the page names a type ${type}`];
  return check(value) ? [] : [`${at} is no ${type}: ${JSON.stringify(value)}`];
}

const CHECKS: { readonly [type: string]: (value: unknown) => boolean } = {
  any: () => true,
  text: (value) => typeof value === 'string',
  integer: Number.isSafeInteger,
  number: Number.isFinite,
  boolean: (value) => typeof value === 'boolean',
  id: (value) => typeof value === 'string' && isId(value),
  state: (value) => typeof value === 'string' && isJobState(value),
  time: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
};
