/**
 * Messages that anybody with the key may send, as arbitraries for fast-check: every kind of body, well formed, absurd, and
 * with bytes spoilt on the way.
 */
import fc from 'fast-check';
import type { Body, Command, Envelope, Report } from '../../../src/core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../src/wire/codec.ts';
import { APP, agentJob } from './jobs.ts';

/** Ids that jobs and incarnations of these tests have; what is random mostly names one of them. */
export const JOBS = Array.from({ length: 4 }, (_, i) => `${String(i).repeat(8)}-0000-4000-8000-000000000000`);
export const [GOOD, EVIL] = ['aaaaaaaa-0000-4000-8000-000000000000', 'eeeeeeee-0000-4000-8000-000000000000'];

const uint = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 20_001),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const small = fc.integer({ min: 1, max: 3 });
const real = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(0, 1) },
  { weight: 1, arbitrary: fc.constantFrom(-1, NaN, Infinity, -Infinity, 1e308, -1e308, 2 ** 53, 0.5) },
  { weight: 1, arbitrary: fc.double() },
);
const text = fc.oneof(
  fc.constantFrom(
    '',
    'app',
    '\0',
    'a\0b',
    '../../etc',
    "'; drop table job; --",
    '{"a":1}',
    '$(reboot)',
    '\u{1f980}',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const json = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    '{}',
    '{"a":1}',
    '{"__proto__":{"a":1},"constructor":null}',
    '[1]',
    'null',
    '5',
    '{',
    '{"a":"\\u0000"}',
    '{"a":"\\ud800"}',
    '{"a":1e400}',
    `{"a":${'['.repeat(100)}${']'.repeat(100)}}`,
    `${'['.repeat(50_000)}`,
    '{"description":5}',
    '{"description":"x"}',
    '{"state":"JOB_FINISHED"}',
    '{"op":"application.get","name":5}',
  ),
  text,
);
const id = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...JOBS) }, { weight: 1, arbitrary: text });
const attempt = fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: uint });
const empty = fc.constant({});
const ref = fc.record({ id, attempt });
const seq = fc.oneof({ weight: 4, arbitrary: small }, { weight: 1, arbitrary: uint });

const reportBody = fc.oneof(
  fc.record({ started: empty }),
  fc.record({
    ended: fc.record({
      ranMs: real,
      exited: fc.boolean(),
      exitCode: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      signal: uint,
      userS: real,
      systemS: real,
      maxRssKib: real,
      tail: text,
      killed: fc.integer({ min: 0, max: 3 }),
      note: text,
    }),
  }),
  fc.record({
    patch: fc.record({ dataJson: json, removed: fc.array(text, { maxLength: 3 }), fieldsJson: json }),
  }),
  fc.record({ retracted: empty }),
  fc.record({ request: fc.record({ op: text, json }) }),
  fc.record({ notStarted: fc.record({ stage: text, message: text }) }),
  fc.constant({}),
);
const report: fc.Arbitrary<Report> = fc
  .tuple(fc.record({ seq, job: id, attempt, ageMs: real }), reportBody)
  .map(([head, body]) => ({ ...head, ...body }));

const identity = fc.record({ pid: uint, startTime: real, bootId: text, pidNamespace: text, uid: uint });
export const fromAgent: fc.Arbitrary<Body> = fc.oneof(
  fc.record({
    join: fc.record({
      node: fc.oneof(fc.constant(0), uint),
      hostname: text,
      cpus: uint,
      gpus: uint,
      memoryBytes: real,
      agent: fc.option(identity),
      guard: fc.option(identity),
      endedIncarnation: fc.oneof(fc.constantFrom('', EVIL), text),
      endedCrashed: fc.boolean(),
      held: fc.array(
        fc.record({ id, attempt, started: fc.boolean(), nodes: fc.array(uint, { maxLength: 3 }) }),
        { maxLength: 3 },
      ),
      lastReport: uint,
      oldestReport: uint,
    }),
  }),
  fc.record({
    heartbeat: fc.record({
      number: uint,
      receivedCommands: uint,
      lastReport: uint,
      queued: uint,
      running: uint,
      draining: fc.boolean(),
      short: fc.string(),
      most: uint,
    }),
  }),
  fc.record({
    reports: fc.record({
      reports: fc.array(report, { maxLength: 4 }),
      receivedCommands: fc.oneof(fc.constant(0), uint),
    }),
  }),
  fc.record({ hello: empty }),
);

const job = fc.record({
  id,
  attempt,
  app: fc.oneof(fc.constant(APP.index), uint),
  name: text,
  workflow: text,
  args: text,
  environVars: text,
  userWorkdir: text,
  mpiFlags: text,
  parents: json,
  cpuAffinity: text,
  numNodes: uint,
  ranksPerNode: uint,
  threadsPerRank: uint,
  threadsPerCore: uint,
  packing: uint,
  hosts: fc.array(text, { maxLength: 2 }),
  nodes: fc.array(uint, { maxLength: 2 }),
});
/** A job that could be ours, so that cases get past the check of values too. */
const likely = fc
  .record({
    id: fc.constantFrom(...JOBS),
    attempt: small,
    app: fc.oneof(fc.constant(APP.index), uint),
    packing: small,
  })
  .map((over) => agentJob(over.id, over));
const command: fc.Arbitrary<Command> = fc
  .tuple(
    seq,
    fc.oneof(
      fc.record({
        start: fc.record({
          apps: fc.array(
            fc.record({
              index: fc.oneof(fc.constant(APP.index), uint),
              name: text,
              executable: text,
              envscript: text,
            }),
            { maxLength: 2 },
          ),
          jobs: fc.array(fc.oneof(job, likely), { maxLength: 2 }),
        }),
      }),
      fc.record({
        kill: fc.record({ jobs: fc.array(ref, { maxLength: 3 }), reason: fc.integer({ min: 0, max: 4 }) }),
      }),
      fc.record({ retract: fc.record({ jobs: fc.array(ref, { maxLength: 3 }) }) }),
      fc.record({
        committed: fc.record({
          reports: uint,
          answers: fc.array(fc.record({ request: uint, json, error: text }), { maxLength: 2 }),
        }),
      }),
      fc.record({ drain: empty }),
      fc.constant({}),
    ),
  )
  .map(([number, body]) => ({ seq: number, ...body }));
export const fromCoordinator: fc.Arbitrary<Body> = fc.oneof(
  fc.record({ commands: fc.record({ commands: fc.array(command, { maxLength: 4 }) }) }),
  fc.record({ echo: fc.record({ number: uint, receivedReports: uint, committedReports: uint }) }),
  fc.record({ hello: empty }),
);

/** How bytes are spoilt on the way; nothing in most cases. */
export const spoil = fc.oneof(
  { weight: 5, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.record({ place: fc.nat(), byte: fc.nat(255), cut: fc.nat() }) },
);
export type Spoil = { place: number; byte: number; cut: number } | null;

export function throughTheWire(envelope: Envelope, how: Spoil): Envelope | null {
  const bytes = Uint8Array.from(encodeEnvelope(envelope));
  if (how) bytes[how.place % bytes.length] = how.byte;
  const decoded = decodeEnvelope(
    how && how.cut % 2 === 0 ? bytes.subarray(0, how.cut % bytes.length) : bytes,
  );
  return decoded.ok ? decoded.envelope : null;
}
