/** What a job finds: names taken away, variables added, words of a command line. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { jobArgv, splitWords, withEnvscript } from '../../src/process/command.ts';
import { environText, parseEnvironVars } from '../../src/model/environ-vars.ts';
import { environmentBytes, jobEnvironment, parseEnviron, scrubNames } from '../../src/process/environment.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

test('what describes the agent as a rank is taken away, what describes the allocation stays', (t) => {
  const rank = words(`
    OMPI_COMM_WORLD_RANK OMPI_MCA_orte_ess_num_procs PMIX_NAMESPACE ORTE_X OPAL_PREFIX PRTE_X
    PMI_RANK PMI_FD HYDI_CONTROL_FD HYDRA_X MPI_LOCALRANKID MPIR_CVAR_X MPIEXEC_TIMEOUT PALS_RANKID
    PALS_LOCAL_RANKID PALS_NODEID SLURM_PROCID SLURM_LOCALID SLURM_NODEID SLURM_STEP_ID
    SLURM_STEPID SLURM_STEP_NODELIST SLURM_TASK_PID SLURM_CPU_BIND SLURM_CPU_BIND_LIST SLURM_GTIDS
  `);
  const allocation = [
    'SLURM_JOB_ID',
    'SLURM_JOB_NODELIST',
    'SLURM_NNODES',
    'SLURMD_NODENAME',
    'PBS_NODEFILE',
    'PBS_JOBID',
  ];
  const other = [
    'PATH',
    'LD_LIBRARY_PATH',
    'BASH_FUNC_module%%',
    'MPICH_GPU',
    'PALSY',
    'OMP_NUM_THREADS',
    'I_MPI_X',
  ];
  t.deepEqual(scrubNames([...rank, ...allocation, ...other], { forMpirun: false }), rank);
  t.deepEqual(scrubNames([...rank, ...allocation, ...other], { forMpirun: true }), [...rank, ...allocation]);
});

test("a person's own MPI settings stay where the agent is no rank", (t) => {
  t.deepEqual(scrubNames(['OMPI_MCA_btl', 'MPIR_CVAR_CH4', 'HYDRA_IFACE', 'PATH'], { forMpirun: true }), []);
  t.deepEqual(scrubNames(['OMPI_MCA_btl', 'PMI_RANK'], { forMpirun: false }), ['OMPI_MCA_btl', 'PMI_RANK']);
});

test('an environ is read by its first of equal names', (t) => {
  const environ = Buffer.from('A=1\0B=x=y\0A=2\0junk\0BASH_FUNC_f%%=() {\n}\0=odd=3\0E=');
  t.deepEqual(
    [...parseEnviron(environ)],
    [
      ['A', '1'],
      ['B', 'x=y'],
      ['BASH_FUNC_f%%', '() {\n}'],
      ['=odd', '3'],
      ['E', ''],
    ],
  );
});

test('environ_vars: a colon separates only where a name follows', (t) => {
  const read = (text: string): unknown => Object.fromEntries(parseEnvironVars(text));
  t.deepEqual(read('A=1:B=2'), { A: '1', B: '2' });
  t.deepEqual(read('PATH=/a:/b:X=1'), { PATH: '/a:/b', X: '1' });
  t.deepEqual(read('URL=http://h:80/x?a=b:Y='), { URL: 'http://h:80/x?a=b', Y: '' });
  t.deepEqual(read(' '), {});
  t.throws(() => read('nonsense'), { instanceOf: UserError, message: /environ_vars/ });
});

test('environ_vars: an object holds any value, and is written where the colon form would cut it', (t) => {
  const values: [Record<string, string>, string][] = [
    [{}, ''],
    [{ A: '1', B: 'http://x:80/' }, 'A=1:B=http://x:80/'],
    [
      { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1' },
      '{"ASAN_OPTIONS":"detect_leaks=0:abort_on_error=1"}',
    ],
    [{ A: 'x: B =y' }, '{"A":"x: B =y"}'],
    [{ A: ':', B: '' }, 'A=::B='],
    [{ A: 'a\nb"c\\' }, 'A=a\nb"c\\'],
    [{ A: '\udcff' }, String.raw`{"A":"\udcff"}`],
  ];
  for (const [variables, text] of values) {
    t.is(environText(Object.entries(variables)), text);
    t.deepEqual(Object.fromEntries(parseEnvironVars(text)), variables, text);
  }
  t.deepEqual([...parseEnvironVars('{"__proto__": "x"}')], [['__proto__', 'x']]);
  for (const [text, message] of [
    ['{"A":', /^environ_vars must be NAME=VALUE, several of them joined by ":", or an object like/],
    ['{"A": 1}', /^environ_vars: A must be text, not 1$/],
    ['{"A-B": "1"}', /^environ_vars: "A-B" is no name of a variable$/],
    [String.raw`{"A": "\u0000"}`, /^environ_vars: A holds a NUL character, which no variable can hold$/],
    [String.raw`{"A": "\ud800"}`, /^environ_vars: A holds half of a surrogate pair/],
  ] as const)
    t.throws(() => parseEnvironVars(text), { instanceOf: UserError, message });
});

test('environ_vars: any variables come back as they were', (t) => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,3}$/);
  const part = fc.constantFrom(
    'A',
    'B_1',
    '=',
    ':',
    ' ',
    '{',
    '}',
    '"',
    '\\',
    '\n',
    'é',
    '🙂',
    '\udc80',
    '\udcff',
    '/',
  );
  const value = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([n]) => n, maxLength: 4 }), (pairs) => {
      const text = environText(pairs);
      t.true(text.isWellFormed());
      t.deepEqual([...parseEnvironVars(text)], pairs, text);
    }),
    { numRuns: 2_000 },
  );
});

test('bytes that are no UTF-8 reach a helper as bytes', (t) => {
  t.deepEqual(environmentBytes({ A: 'x', B: 'é' }), { A: 'x', B: 'é' });
  t.deepEqual(environmentBytes({ A: 'é\udcffx\udc80', B: '🙂' }), [
    ['A', Buffer.from([0xc3, 0xa9, 0xff, 0x78, 0x80])],
    ['B', Buffer.from('🙂')],
  ]);
});

test('our own variables override those of the user', (t) => {
  const facts = {
    jobId: 'j',
    environVars: 'BALSAM_JOB_ID=forged:OMP_NUM_THREADS=9:A=1',
    parentIds: ['p', 'q'],
    dbPath: '/db',
    jobSocket: '/tmp/s',
    attempt: 3,
    threadsPerRank: 1,
    gpus: {},
  };
  t.deepEqual(jobEnvironment(facts), {
    BALSAM_JOB_ID: 'j',
    OMP_NUM_THREADS: '9',
    A: '1',
    BALSAM_PARENT_IDS: '["p","q"]',
    BALSAM_DB_PATH: '/db',
    BALSAM_JOB_SOCKET: '/tmp/s',
    BALSAM_ATTEMPT: '3',
  });
  const gpus = { CUDA_VISIBLE_DEVICES: '2,MIG-x' };
  t.like(jobEnvironment({ ...facts, threadsPerRank: 4, gpus, environVars: 'CUDA_VISIBLE_DEVICES=0,1' }), {
    OMP_NUM_THREADS: '4',
    CUDA_VISIBLE_DEVICES: '2,MIG-x',
  });
});

test('words are split as a shell splits them, nothing else of a shell happens', (t) => {
  const cases: [string, string[]][] = [
    ['a  b\tc\nd', ['a', 'b', 'c', 'd']],
    [`'a b' "c d" e\\ f`, ['a b', 'c d', 'e f']],
    [`x'y'"z" '' ""`, ['xyz', '', '']],
    [`"a\\"b\\$c\\d" 'a\\b'`, ['a"b$c\\d', 'a\\b']],
    ['$HOME * ; | > # & `id`', ['$HOME', '*', ';', '|', '>', '#', '&', '`id`']],
    ['a\\\nb "c\\\nd"', ['ab', 'cd']],
    [`~ ~/x '~' a~ ~user x=~ "~/y"`, ['/h', '/h/x', '~', 'a~', '~user', 'x=~', '~/y']],
    ['', []],
    [' \n', []],
  ];
  for (const [text, words] of cases) t.deepEqual(splitWords(text, 'args', '/h'), words, text);
  t.deepEqual(jobArgv('python "my app.py"', "--x '1 2'", '/h'), ['python', 'my app.py', '--x', '1 2']);
  t.throws(() => jobArgv('a', `b 'c`), {
    instanceOf: UserError,
    message: /args has a quote that is never closed, at character 3/,
  });
  t.throws(() => jobArgv('a "b\\"', ''), { instanceOf: UserError, message: /executable/ });
  t.throws(() => jobArgv('a', 'b\\'), { instanceOf: UserError, message: /backslash/ });
  t.throws(() => jobArgv(' ', ''), { instanceOf: UserError, message: /empty/ });
});

test('words agree with a real shell', (t) => {
  const text = fc
    .array(fc.constantFrom('a', 'b', ' ', "'", '"', '\\', 'é', '\t', '/', '-', '='), { maxLength: 14 })
    .map((p) => p.join(''));
  fc.assert(
    fc.property(text, (line) => {
      let ours: string[];
      try {
        ours = splitWords(line, 'args');
      } catch {
        return; // refused: the shell would wait for more
      }
      const shell = execFileSync('/bin/bash', ['-c', `set -f; printf '%s\\0' x ${line}`])
        .toString()
        .split('\0')
        .slice(1, -1);
      t.deepEqual(ours, shell, line);
    }),
    { numRuns: 150 },
  );
});

test('an envscript is sourced in bash, and the command replaces the shell', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-envscript-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const script = path.join(directory, "it's an envscript");
  const run = (): string => {
    const argv = withEnvscript(script, ['/bin/sh', '-c', 'echo "$X $1 $PPID"', 'sh', 'a  b']);
    return execFileSync(argv[0] as string, argv.slice(1)).toString();
  };
  fs.writeFileSync(script, 'export X=1');
  t.is(run(), `1 a  b ${process.pid}\n`);
  fs.writeFileSync(script, 'return 4');
  t.is((t.throws(run) as Error & { status: number }).status, 4);
});
