/** The pure parts under the client: the job channel's validator, JSON differences, names made from jobs, conditions. */
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { didYouMean, suggest } from '../../src/base/suggest.ts';
import { conditionOf, pathOf } from '../../src/client/conditions.ts';
import { parseHello, parseRequest, requestLine } from '../../src/model/job-channel.ts';
import type { Request } from '../../src/model/job-channel.ts';
import { cuteId, jobDirectory, outputName } from '../../src/model/job-directory.ts';
import { applyDifference, difference, jsonFault, sameJson } from '../../src/model/json.ts';
import { notYetSupported } from '../../src/model/not-yet.ts';
import { compareTexts, matches } from '../../src/model/query.ts';
import type { JsonObject } from '../../src/model/query.ts';

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
  const id = '7862d523-6e55-44f7-84f2-5df1a2dec8d8';
  t.deepEqual(conditionOf({ id: id.toUpperCase() }), { field: 'job_id', op: 'equals', value: id });
  t.deepEqual(conditionOf({ launcher: null }), { field: 'launcher', op: 'isNull', value: true });
  t.deepEqual(conditionOf({ numNodes: { gte: 2, lt: 8 } }), {
    and: [
      { field: 'num_nodes', op: 'gte', value: 2 },
      { field: 'num_nodes', op: 'lt', value: 8 },
    ],
  });
  t.deepEqual(conditionOf({ or: [{ state: 'FAILED' }, { not: { 'data.a\\.b.0': null } }] }), {
    or: [
      { field: 'state', op: 'equals', value: 'FAILED' },
      { not: { path: ['data', 'a.b', '0'], op: 'isNull', value: true } },
    ],
  });
  t.deepEqual(conditionOf({ createdAt: { gt: '2026-01-31T12:00:00Z' } }), {
    field: 'created_at',
    op: 'gt',
    value: new Date(Date.UTC(2026, 0, 31, 12)),
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
    [{ numNodes: Number.NaN }, /numNodes is compared with an integer, not NaN/],
    [{ numNodes: '2' }, /numNodes is compared with an integer, not "2"/],
    [{ numNodes: { in: [1, '2'] } }, /an integer, not "2"/],
    [{ numNodes: { contains: '2' } }, /numNodes cannot be compared by "contains"; it takes equals/],
    [{ waitForParents: 'yes' }, /true or false, not "yes"/],
    [{ waitForParents: { lt: true } }, /cannot be compared by "lt"/],
    [{ name: 7 }, /name is compared with text, not 7/],
    [{ name: undefined }, /name: undefined is no value .*leave the field out/],
    [{ name: null }, /name is never null/],
    [{ name: { in: ['a', null] } }, /null cannot be among these/],
    [{ state: 'FINISHED' }, /there is no state "FINISHED".*there are CREATED/],
    [{ state: 'FAILD' }, /did you mean FAILED/],
    [{ id: '7862d523' }, /id is compared with a whole id \(id: \{ startsWith: … \}/],
    [{ createdAt: 'soon' }, /createdAt is compared with a Date/],
    [{ createdAt: 5 }, /a Date/],
    [{ parents: 'x' }, /a list of job ids/],
    [{ data: 3 }, /data is compared with an object/],
    [{ data: { x: 1 } }, /data has no comparison "x"/],
    [{ 'data.x': { y: 1 } }, /has no comparison "y"/],
    [{ 'data.x': { lt: {} } }, /has no order/],
    [{ 'data.x': 1n }, /is a bigint/],
    [{ or: {} }, /or takes a list of conditions/],
    [{ not: [] }, /a condition must be an object/],
    [{ and: [{ nmae: 1 }] }, /did you mean name/],
    ['x', /must be an object/],
  ] as const) {
    t.throws(() => conditionOf(given), { message: pattern });
  }
});

test('names of paths: dots, escapes, numbers', (t) => {
  t.deepEqual(pathOf('data.a.0.b'), ['data', 'a', '0', 'b']);
  t.deepEqual(pathOf(String.raw`data.a\.b\\.c\d`), ['data', 'a.b\\', 'c\\d']);
  t.deepEqual(pathOf('data.ä😀'), ['data', 'ä😀']);
  t.throws(() => pathOf('data..x'), { message: /empty step/ });
});

test('`matches` looks only at what a document itself holds', (t) => {
  const row = { data: { list: [1, { x: 'Ä' }], text: 'ΑΣ' } };
  const at = (
    path: [string, ...string[]],
    op: 'equals' | 'icontains' | 'isNull' | 'lt',
    value: string | number | boolean,
  ) => matches(row, { path, op, value });
  t.true(at(['data', 'list', '1', 'x'], 'equals', 'Ä'));
  t.true(at(['data', 'list', '-1', 'x'], 'icontains', 'ä'));
  t.true(at(['data', 'list', 'length'], 'isNull', true));
  t.true(at(['data', 'constructor'], 'isNull', true));
  t.true(at(['data', 'text'], 'icontains', 'σ'));
  t.false(at(['data', 'text'], 'lt', 3));
  t.true(compareTexts('\u{1F600}', '\uFFFD') > 0, 'by code points');
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
