/** The pure parts under the client: the job channel's validator, JSON differences, names made from jobs, conditions. */
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { didYouMean, suggest } from '../../src/base/suggest.ts';
import { conditionOf } from '../../src/client/conditions.ts';
import { parseHello, parseRequest, requestLine } from '../../src/core/job-channel.ts';
import type { Request } from '../../src/core/job-channel.ts';
import { cuteId, jobDirectory, outputName } from '../../src/core/job-directory.ts';
import { applyDifference, difference, jsonFault, sameJson } from '../../src/core/json.ts';
import { notYetSupported } from '../../src/core/not-yet.ts';
import type { JsonObject } from '../../src/core/query.ts';

const json = fc.dictionary(
  fc.string(),
  fc.jsonValue() as fc.Arbitrary<JsonObject[string]>,
) as fc.Arbitrary<JsonObject>;

test('the validator never throws, and says why', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((v) => JSON.stringify(v)),
      ),
      (line) => {
        const parsed = parseRequest(line);
        if (!parsed.ok) t.true(parsed.error.length > 10 && parsed.error.endsWith('.'));
        const hello = parseHello(line);
        if (!hello.ok) t.true(hello.error.length > 10);
      },
    ),
  );
});

test('mutated requests are refused or read, never misread', (t) => {
  const members = fc.constantFrom(
    'id',
    'op',
    'set',
    'removed',
    'fields',
    'durable',
    'name',
    'defaults',
    'fresh',
    'x',
  );
  const ops = fc.constantFrom(
    'job.get',
    'job.patch',
    'application.get',
    'application.getOrCreate',
    'application.save',
    'toString',
  );
  const message = fc.tuple(ops, fc.dictionary(members, fc.jsonValue()));
  fc.assert(
    fc.property(message, ([op, rest]) => {
      const parsed = parseRequest(JSON.stringify({ ...rest, op }));
      if (parsed.ok) t.is(parsed.request.op, op as Request['op']);
      if (parsed.ok) t.false(Object.hasOwn(rest, 'x'));
    }),
    { numRuns: 500 },
  );
});

test('a request comes back as it was sent', (t) => {
  fc.assert(
    fc.property(json, fc.array(fc.string()), fc.boolean(), (set, keys, durable) => {
      const removed = keys.filter((key) => !Object.hasOwn(set, key));
      const request: Request = { op: 'job.patch', set, removed, fields: { description: 'd' }, durable };
      const parsed = parseRequest(requestLine(7, request).trimEnd());
      if (jsonFault(set, 'data') !== null || removed.some((k) => k.includes('\0') || !k.isWellFormed())) {
        t.false(parsed.ok);
        return;
      }
      t.true(parsed.ok);
      if (!parsed.ok || parsed.request.op !== 'job.patch') return;
      t.true(sameJson(parsed.request.set, JSON.parse(JSON.stringify(set))));
      t.deepEqual(parsed.request.removed, removed);
    }),
  );
});

for (const [line, code, pattern] of [
  ['{}', 'bad-request', /"op" is missing/],
  ['[]', 'bad-request', /one JSON object/],
  ['{"id":1.5,"op":"job.get"}', 'bad-request', /"id" must be/],
  ['{"op":"job.kill"}', 'unsupported', /No operation "job.kill"; there are job.get/],
  ['{"op":"__proto__"}', 'unsupported', /No operation/],
  ['{"op":"job.get","frsh":true}', 'bad-request', /no member "frsh"/],
  ['{"op":"job.patch","set":[]}', 'bad-request', /"set" must be an object/],
  ['{"op":"job.patch","set":{"a":1},"removed":["a"]}', 'bad-request', /both in "set" and in "removed"/],
  ['{"op":"job.patch","fields":{"state":"FAILED"}}', 'refused', /only data and description .* not "state"/],
  ['{"op":"job.patch","fields":{"description":4}}', 'bad-request', /description must be text/],
  ['{"op":"job.patch","set":{"a":"\\u0000"}}', 'refused', /data\.a holds a NUL/],
  ['{"op":"job.patch","set":{"a":"\\ud800"}}', 'refused', /half of a surrogate/],
  ['{"op":"job.patch","removed":["\\u0000"]}', 'refused', /removed key holds a NUL/],
  ['{"op":"job.patch","durable":1}', 'bad-request', /"durable" must be true or false/],
  [`{"op":"job.patch","set":{"a":${'['.repeat(70)}${']'.repeat(70)}}}`, 'refused', /nested deeper than 64/],
  ['{"op":"application.get"}', 'bad-request', /"name" must be/],
  ['{"op":"application.save","name":"a","set":{"name":"b"}}', 'bad-request', /no member "name"/],
] as const) {
  test(`refused: ${line.slice(0, 60)}`, (t) => {
    const parsed = parseRequest(line);
    t.false(parsed.ok);
    if (parsed.ok) return;
    t.is(parsed.code, code);
    t.regex(parsed.error, pattern);
  });
}

test('first lines', (t) => {
  t.deepEqual(parseHello('{"v":1,"token":"a"}'), { ok: true, token: 'a' });
  t.like(parseHello('{"v":2,"token":"a"}'), { ok: false, code: 'unsupported' });
  t.like(parseHello('GET / HTTP/1.1'), { ok: false, code: 'bad-request' });
  t.like(parseHello('{"v":1}'), { ok: false, code: 'bad-request' });
});

test('a difference makes the one of the other, by top-level keys', (t) => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      const patch = difference(before, after);
      t.true(sameJson(applyDifference(before, patch), after));
      t.deepEqual(difference(after, structuredClone(after)), { set: {}, removed: [] });
    }),
  );
});

test('a key called __proto__ is a key', (t) => {
  const after = JSON.parse('{"__proto__":{"a":1}}') as JsonObject;
  const patch = difference({}, after);
  t.deepEqual(Object.keys(patch.set), ['__proto__']);
  t.is(JSON.stringify(applyDifference({}, patch)), '{"__proto__":{"a":1}}');
});

test('a directory made of any names stays inside, with parts a file system takes', (t) => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '.', '../../etc', '/', 'a/b', '', 'é'.repeat(300), '\ud800', 'a\nb'),
  );
  fc.assert(
    fc.property(hostile, hostile, (workflow, name) => {
      const job = { job_id: '7862d523-6e55-44f7-84f2-5df1a2dec8d8', workflow, name };
      const directory = jobDirectory(job);
      const parts = directory.split('/');
      t.is(parts.length, workflow === '' ? 1 : 2);
      for (const part of [...parts, outputName(job)]) {
        t.true(Buffer.byteLength(part) <= 255 && part !== '' && part !== '.' && part !== '..');
        t.false(/[\0\n/]/.test(part));
      }
      t.true(path.join('/db/data', directory).startsWith('/db/data/'));
    }),
  );
  t.is(
    jobDirectory({ job_id: '97d3b5cb-x', workflow: 'demo-square', name: 'square 3' }),
    'demo-square/square_3_97d3b5cb',
  );
  t.is(cuteId({ job_id: '97d3b5cb-x', name: '' }), '[97d3b5cb]');
});

test('conditions', (t) => {
  t.deepEqual(conditionOf({ workflow: 'x', name: { contains: 'y' }, 'data.x.y': 3 }), {
    and: [
      { field: 'workflow', op: 'equals', value: 'x' },
      { field: 'name', op: 'contains', value: 'y' },
      { path: ['data', 'x', 'y'], op: 'equals', value: 3 },
    ],
  });
  t.deepEqual(conditionOf({ id: 'a' }), { field: 'job_id', op: 'equals', value: 'a' });
  t.deepEqual(conditionOf({ launcher: null }), { field: 'launcher', op: 'isNull', value: true });
  t.deepEqual(conditionOf({ numNodes: { gte: 2, lt: 8 } }), {
    and: [
      { field: 'num_nodes', op: 'gte', value: 2 },
      { field: 'num_nodes', op: 'lt', value: 8 },
    ],
  });
  for (const [given, pattern] of [
    [{ nmae: 'x' }, /no field "nmae" \(did you mean name\?\)/],
    [{ num_nodes: 1 }, /did you mean numNodes/],
    [{ name__contains: 'x' }, /write name: \{ contains: … \}/],
    [{ name: { contians: 'x' } }, /"contians" \(did you mean contains\?\)/],
    [{ name: ['a'] }, /name: \{ in: /],
    [{ name: { in: 'a' } }, /takes a list/],
    [{ name: {} }, /says nothing/],
    [{ 'data.': 1 }, /empty step/],
    [{ name: { isNull: 1 } }, /true or false/],
    [{ numNodes: Number.NaN }, /no value/],
    ['x', /must be an object/],
  ] as const) {
    t.throws(() => conditionOf(given), { message: pattern });
  }
});

test('what is not supported yet is named', (t) => {
  t.is(notYetSupported({}, null), null);
  t.is(notYetSupported({ parents: [], input_files: '', post_error_handler: false }, null), null);
  t.is(notYetSupported({ stage_in_url: 'a:b' }, null), 'stage_in_url ("a:b") is not supported yet');
  t.regex(notYetSupported({ parents: ['x'] }, null) ?? '', /parents/);
  t.regex(notYetSupported({ post_timeout_handler: true }, null) ?? '', /post_timeout_handler/);
  const scripts = { name: 'sim', preprocess: '', postprocess: '/p' };
  t.is(notYetSupported({}, scripts), 'postprocess of application "sim" is not supported yet');
});

test('suggestions are near, and none is better than a wrong one', (t) => {
  t.is(suggest('lss', ['ls', 'job', 'app']), 'ls');
  t.is(suggest('num_nodes', ['numNodes', 'name']), 'numNodes');
  t.is(suggest('sumbit-launch', ['submit-launch', 'server']), 'submit-launch');
  t.is(suggest('zzzz', ['ls', 'job']), null);
  t.is(didYouMean('zzzz', ['ls']), '');
});
