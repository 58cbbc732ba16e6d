/**
 * `data` that psql writes beside the client: any document that Postgres takes, in jobs that read and change their own, and
 * writes of both to the same keys in turn. Goal: the launcher runs on, each such job finishes with its document as it was
 * but for what the job set, no other column of it and no other row changes; of one key the later commit is what stays.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { newId } from '../../src/base/ids.ts';
import { literal, psql } from './_psql.ts';
import { GREETED } from './_python.ts';
import { makeWorld, until, type World } from './_world.ts';

const seed = Number(process.env['CORE_SEED'] ?? 7);
const ROWS = 150;
const STEPS = 60;

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Reads all of it, replaces one key and removes another, and says what it read.
  await world.app(
    'reader',
    `${GREETED}data = ask({"id": 1, "op": "job.get"})["result"]["data"]
print(json.dumps(data), flush=True)
ask({"id": 2, "op": "job.patch", "set": {"read": True}, "removed": ["gone"]})
`,
  );
  // Does what the files of its directory say, one after the other, each committed before the next.
  await world.app(
    'obeys',
    `${GREETED}n = 0
while True:
    try:
        with open(f"{sys.argv[1]}/{n}") as step:
            order = json.load(step)
    except FileNotFoundError:
        time.sleep(0.005)
        continue
    if order is None:
        break
    ask({"id": n, "op": "job.patch", "durable": True, **order})
    os.rename(f"{sys.argv[1]}/{n}", f"{sys.argv[1]}/{n}.done")
    n += 1
`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** Documents that no client would send: keys and texts of any code points, numbers in any form, nested ones. */
const texts = fc.string({ unit: 'binary', maxLength: 12 }).filter((s) => !/\0|\p{Cs}/u.test(s));
const numbers = fc.constantFrom(
  '0',
  '-0',
  '1e400',
  '-1e-400',
  '9007199254740993',
  '1.000',
  '1E+2',
  '123456789012345678901234567890.5',
);
const { value: values } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    numbers,
    fc.constantFrom('null', 'true', 'false', '[]', '{}'),
    texts.map((s) => JSON.stringify(s)),
    fc.array(tie('value'), { maxLength: 4 }).map((list) => `[${list.join(',')}]`),
    fc.array(fc.tuple(texts, tie('value')), { maxLength: 4 }).map(objectOf),
  ),
}));
const keys = fc.oneof(
  texts,
  fc.constantFrom('', '__proto__', 'constructor', 'toString', 'gone', 'read', '\\', '"', "'", 'a.b[0]', '$1'),
);
const documents = fc.array(fc.tuple(keys, values), { maxLength: 8 }).map(objectOf);

function objectOf(entries: readonly (readonly [string, string])[]): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(', ')}}`;
}

/** All columns that neither a launcher nor the job itself may change. */
const OTHERS = `to_jsonb(job) - '{data,state,attempt,tries,launcher,updated_at}'::text[]`;

test.serial(`${ROWS} documents of any kind (CORE_SEED=${seed})`, async (t) => {
  const all = fc.sample(documents, { seed, numRuns: ROWS });
  const rows = all.map((data) => ({ id: newId(), data }));
  const before = await world.jobs([
    { name: 'nobody’s', application: 'reader', num_nodes: 99, data: { a: 1 } },
  ]);
  await psql(
    world,
    `begin; create table as_made (id uuid primary key, data jsonb, others jsonb);
${rows.map(({ id, data }, i) => `insert into job (id, name, workflow, application, node_packing_count, data) values ('${id}', 'f${i}', 'sql', 'reader', 8, ${literal(data)}::jsonb);`).join('\n')}
insert into as_made select id, data, ${OTHERS} from job; commit;`,
  );
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  const ids = rows.map((row) => row.id);
  await world.until(ids, ['JOB_FINISHED', 'FAILED'], 120_000);
  // And one of the client's, at last: it runs on.
  const [after] = (await world.jobs([{ application: 'reader', node_packing_count: 8 }])) as [string];
  await world.until([after], ['JOB_FINISHED']);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3, launcher.out);
  t.notRegex(world.logs(), /took over from a dead coordinator|assertion|RangeError|TypeError/);
  for (const row of await world.rows(ids))
    t.is(row.state, 'JOB_FINISHED', `${row.name}: ${await world.messages(row.job_id)}`);
  const changed = await psql(
    world,
    `select m.id, m.data, job.data from as_made m join job on job.id = m.id
     where (job.data is distinct from case when job.id = '${before[0]}' then m.data else m.data - 'gone' || '{"read": true}' end)
       or ${OTHERS} is distinct from m.others;
     select id from as_made where id not in (select id from job);`,
  );
  t.is(
    changed,
    '',
    'each document is as it was made but for what its job set and removed, and nothing else changed',
  );
  t.is((await world.row(before[0]!)).attempt, 0);
  // What the job read is what Postgres has, but for numbers that no double holds.
  for (const { id, data } of rows.filter(
    (row) => !/1e400|9007199254740993|1234567890|e-400/.test(row.data),
  )) {
    const [line = ''] = (await world.output(id)).split('\n');
    const same = await psql(world, `select ${literal(line)}::jsonb = ${literal(data)}::jsonb`);
    t.is(same, 't\n', `${data}\n${line}`);
  }
});

function inOrder(data: ReadonlyMap<string, unknown>): [string, unknown][] {
  return [...data].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

interface Step {
  who: 'job' | 'psql';
  set: Record<string, number>;
  removed: string[];
}
const key = fc.constantFrom('a', 'b', 'c', '__proto__');
const step = fc.record<Step>({
  who: fc.constantFrom('job', 'psql'),
  set: fc.array(fc.tuple(key, fc.integer()), { maxLength: 2 }).map((entries) => Object.fromEntries(entries)),
  removed: fc.array(key, { maxLength: 1 }),
});

test.serial(
  `${STEPS} writes in turn to the same keys: of each the last commit stays (CORE_SEED=${seed})`,
  async (t) => {
    const orders = path.join(world.home, 'orders');
    fs.mkdirSync(orders);
    const [id] = (await world.jobs([{ application: 'obeys', args: orders, data: { a: 0, kept: true } }])) as [
      string,
    ];
    const launcher = world.launcher(['--consume-all', '--persistent']);
    await world.until([id], ['RUNNING']);
    const model = new Map<string, unknown>([
      ['a', 0],
      ['kept', true],
    ]);
    let told = 0;
    const give = (order: object | null): void => {
      fs.writeFileSync(path.join(orders, 'new'), JSON.stringify(order));
      fs.renameSync(path.join(orders, 'new'), path.join(orders, String(told)));
    };
    for (const { who, set, removed } of fc.sample(step, { seed, numRuns: STEPS })) {
      const gone = removed.filter((name) => !Object.hasOwn(set, name));
      for (const name of gone) model.delete(name);
      for (const [name, value] of Object.entries(set)) model.set(name, value);
      if (who === 'psql') {
        await psql(
          world,
          `update job set data = data - '{${gone.join(',')}}'::text[] || ${literal(JSON.stringify(set))}::jsonb where id = '${id}'`,
        );
      } else {
        give({ set, removed: gone });
        await until(
          () => fs.existsSync(path.join(orders, `${told}.done`)),
          () => `step ${told} is committed:\n${world.logs()}`,
        );
        told += 1;
      }
      const data = new Map(
        Object.entries(JSON.parse(await psql(world, `select data from job where id = '${id}'`)) as object),
      );
      t.deepEqual(inOrder(data), inOrder(model), `after ${who} ${JSON.stringify({ set, gone })}`);
    }
    t.true(told > STEPS / 4 && told < STEPS, 'both wrote');
    give(null);
    await world.until([id], ['JOB_FINISHED']);
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 3, launcher.out);
  },
);
