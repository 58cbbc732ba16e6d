/** Envelopes: what goes in comes out, and what is no envelope is a reason, never an exception. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { MAX_MESSAGE_BYTES } from '../../src/base/limits.ts';
import { PROTOCOL_VERSION } from '../../src/core/messages.ts';
import { bodyOf, decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts';
import type { Body, Command, Envelope, Job, Report } from '../../src/core/messages.ts';

const uint = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(''), fc.string({ maxLength: 300 }));
const real = fc.double({ noNaN: true });
const ref = fc.record({ id: fc.uuid(), attempt: uint });
const empty = fc.constant({});

const job: fc.Arbitrary<Job> = fc.record({
  id: fc.uuid(),
  attempt: uint,
  app: uint,
  name: text,
  workflow: text,
  args: text,
  environVars: text,
  userWorkdir: text,
  mpiFlags: text,
  parents: text,
  cpuAffinity: text,
  numNodes: uint,
  ranksPerNode: uint,
  threadsPerRank: uint,
  threadsPerCore: uint,
  packing: uint,
  hosts: fc.array(text, { maxLength: 3 }),
  nodes: fc.array(uint, { maxLength: 3 }),
});

const command: fc.Arbitrary<Command> = fc
  .tuple(
    uint,
    fc.oneof(
      fc.record({
        start: fc.record({
          apps: fc.array(fc.record({ index: uint, name: text, executable: text, envscript: text }), {
            maxLength: 2,
          }),
          jobs: fc.array(job, { maxLength: 3 }),
        }),
      }),
      fc.record({
        kill: fc.record({ jobs: fc.array(ref, { maxLength: 3 }), reason: fc.integer({ min: 0, max: 4 }) }),
      }),
      fc.record({ retract: fc.record({ jobs: fc.array(ref, { maxLength: 3 }) }) }),
      fc.record({
        committed: fc.record({
          reports: uint,
          answers: fc.array(fc.record({ request: uint, json: text, error: text }), { maxLength: 2 }),
        }),
      }),
      fc.record({ drain: empty }),
    ),
  )
  .map(([seq, body]) => ({ seq, ...body }));

const report: fc.Arbitrary<Report> = fc
  .tuple(
    fc.record({ seq: uint, job: fc.uuid(), attempt: uint, ageMs: real }),
    fc.oneof(
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
        patch: fc.record({ dataJson: text, removed: fc.array(text, { maxLength: 3 }), fieldsJson: text }),
      }),
      fc.record({ retracted: empty }),
      fc.record({ request: fc.record({ op: text, json: text }) }),
      fc.record({ notStarted: fc.record({ stage: text, message: text }) }),
    ),
  )
  .map(([head, body]) => ({ ...head, ...body }));

const identity = fc.record({ pid: uint, startTime: real, bootId: fc.uuid(), pidNamespace: text, uid: uint });

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.record({ hello: empty }),
  fc.record({ echo: fc.record({ number: uint, receivedReports: uint, committedReports: uint }) }),
  fc.record({ commands: fc.record({ commands: fc.array(command, { maxLength: 4 }) }) }),
  fc.record({ dismissed: fc.record({ reason: text }) }),
  fc.record({
    join: fc.record({
      node: uint,
      hostname: text,
      cpus: uint,
      gpus: uint,
      memoryBytes: real,
      agent: fc.option(identity),
      guard: fc.option(identity),
      endedIncarnation: text,
      endedCrashed: fc.boolean(),
      held: fc.array(
        fc.record({
          id: fc.uuid(),
          attempt: uint,
          started: fc.boolean(),
          nodes: fc.array(uint, { maxLength: 3 }),
        }),
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
  fc.record({ reports: fc.record({ reports: fc.array(report, { maxLength: 4 }), receivedCommands: uint }) }),
);

const envelope: fc.Arbitrary<Envelope> = fc
  .tuple(fc.record({ launcher: uint, epoch: uint, incarnation: fc.uuid() }), body)
  .map(([head, part]) => ({ version: PROTOCOL_VERSION, ...head, ...part }));

/** Reads `actual` by the keys of `expected`: defaults are inherited, not own, and -0 is the default 0. */
function readsAs(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return actual === expected;
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) && (!Array.isArray(actual) || actual.length !== expected.length)) return false;
  return Object.entries(expected).every(([key, value]) => readsAs(Reflect.get(actual, key), value));
}

test('every envelope survives the trip, with every scalar readable', (t) => {
  fc.assert(
    fc.property(envelope, (sent) => {
      const decoded = decodeEnvelope(encodeEnvelope(sent));
      t.true(decoded.ok && readsAs(decoded.envelope, sent) && bodyOf(decoded.envelope) === bodyOf(sent));
    }),
    { numRuns: 500 },
  );
});

test('random bytes, and messages with bytes changed or cut, never throw', (t) => {
  let refused = 0;
  const check = (bytes: Uint8Array): void => {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) refused++;
    else t.is(decoded.envelope.version, PROTOCOL_VERSION);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), check), { numRuns: 1000 });
  fc.assert(
    fc.property(envelope, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (sent, place, byte, end) => {
      const bytes = Uint8Array.from(encodeEnvelope(sent));
      bytes[place % bytes.length] = byte;
      check(bytes);
      check(bytes.subarray(0, end % bytes.length));
    }),
    { numRuns: 500 },
  );
  t.true(refused > 500);
});

test('another version, no body, wrong text and too many bytes are refused with a reason', (t) => {
  const head = { launcher: 1, epoch: 2, incarnation: 'i' };
  const reasonOf = (bytes: Uint8Array): string => {
    const decoded = decodeEnvelope(bytes);
    return decoded.ok ? '' : decoded.reason;
  };
  t.is(reasonOf(encodeEnvelope({ ...head, version: 2, hello: {} })), 'protocol version 2, this is 1');
  t.is(reasonOf(Buffer.from('0801', 'hex')), 'no body that this version knows');
  const heartbeat = {
    number: 1,
    receivedCommands: 0,
    lastReport: 0,
    queued: 0,
    running: 0,
    draining: false,
    short: '',
    most: 0,
  };
  for (const body of [{}, { hello: {}, heartbeat }]) {
    t.throws(() => encodeEnvelope({ ...head, version: 1, ...body }), { message: /exactly one body/ });
  }
  t.is(
    reasonOf(encodeEnvelope({ ...head, incarnation: 'x'.repeat(65), version: 1, hello: {} })),
    'incarnation too long',
  );
  t.regex(reasonOf(new Uint8Array()), /version 0/);
  t.regex(reasonOf(new Uint8Array(MAX_MESSAGE_BYTES + 1)), /message of \d+ bytes/);
  t.regex(reasonOf(Buffer.from('08012201805200', 'hex')), /no message/, 'text that is not UTF-8');
  const tooLong = { ...head, version: 1, dismissed: { reason: 'x'.repeat(MAX_MESSAGE_BYTES) } };
  t.throws(() => encodeEnvelope(tooLong), { instanceOf: RangeError, message: /dismissed/ });
});

test('of two bodies the later one is read, as protobuf has it', (t) => {
  const head = { version: 1, launcher: 7, epoch: 1, incarnation: 'i' };
  const echo = { number: 5, receivedReports: 0, committedReports: 0 };
  const decoded = decodeEnvelope(
    Buffer.concat([encodeEnvelope({ ...head, hello: {} }), encodeEnvelope({ ...head, echo })]),
  );
  t.true(decoded.ok && bodyOf(decoded.envelope) === 'echo' && decoded.envelope.echo?.number === 5);
});

test('fields of a later version are skipped', (t) => {
  const bytes = encodeEnvelope({ version: 1, launcher: 7, epoch: 0, incarnation: '', hello: {} });
  // Field 99, text "new".
  const later = Buffer.concat([bytes, Buffer.from('9a06036e6577', 'hex')]);
  const decoded = decodeEnvelope(later);
  t.true(decoded.ok && decoded.envelope.launcher === 7 && decoded.envelope.epoch === 0);
});

test('the generated code is that of the proto files', async (t) => {
  const script = fileURLToPath(new URL('../../src/wire/generate.sh', import.meta.url));
  await t.notThrowsAsync(promisify(execFile)(script, ['--check'], { cwd: '/' }));
});
