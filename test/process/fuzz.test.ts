/** Hostile arguments and environments, byte for byte: what a job receives is what was sent, for both kinds of helper. */
import test from 'ava';
import fc from 'fast-check';
import type { Bytes } from '../../src/process/helper.ts';
import { KINDS, Rig } from './_rig.ts';

const bits = [
  "'",
  '"',
  '\n',
  '$(id)',
  '`id`',
  '\\',
  '\r',
  ' ',
  '*',
  '~',
  '#',
  ';',
  '&',
  '|',
  '>',
  '<',
  '\x81',
  '${IFS}',
  "'\\''",
  '--',
  '=',
  '\x1b',
  '%s',
  'é',
  '\xff',
];

const value = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.map((byte) => (byte === 0 ? 1 : byte))),
  fc.array(fc.constantFrom(...bits), { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''), 'latin1')),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\0', '')),
);
const name = fc.oneof(
  fc.constantFrom(
    'BASH_FUNC_module%%',
    '__proto__',
    'a.b-c',
    'IFS',
    'OLDPWD',
    '1',
    ' ',
    '-x',
    '\xff\xfe',
    'PS1',
    'constructor',
  ),
  fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map((b) => Buffer.from(b.map((c) => (c === 0 || c === 61 ? 95 : c))).toString('latin1')),
);

const latin1 = (bytes: Bytes): string => Buffer.from(bytes as Uint8Array).toString('latin1');
const dump = 'cat /proc/$$/environ; printf "\\nEND\\n"; cat /proc/$$/cmdline';

for (const kind of KINDS) {
  test(`${kind}: every value arrives as it was sent`, async (t) => {
    t.timeout(300_000);
    const inherited =
      'PATH=/usr/bin:/bin\0BASH_FUNC_module%%=() { eval `x`\n}\0BAD=\xff\xfe\0no equals sign\0DOUBLE=first\0DOUBLE=second\0=odd=1\0';
    const rigs = [await Rig.open(kind, inherited), await Rig.open(kind, 'PATH=/usr/bin:/bin\0')];
    const bases = [
      [
        ['PATH', '/usr/bin:/bin'],
        ['BASH_FUNC_module%%', '() { eval `x`\n}'],
        ['BAD', '\xff\xfe'],
        ['DOUBLE', 'first'],
        ['=odd', '1'],
      ],
      [['PATH', '/usr/bin:/bin']],
    ] as const;
    const big = Buffer.from("x'\n".repeat(33_000)); // about 100 kB
    let runs = 0;
    const check = async (args: Bytes[], env: [string, Bytes][]): Promise<void> => {
      const which = runs++ % 2;
      const rig = rigs[which] as Rig;
      if (runs % 20 === 0) args.push(big);
      if (runs % 20 === 10) env.push(['BIG', big]);
      const token = rig.start(['/bin/sh', '-c', dump, ...args], {
        set: env.map(([n, v]) => [Buffer.from(n, 'latin1'), v] as const),
      });
      const ended = await Promise.race([rig.event('ended', token), rig.event('failed', token)]);
      t.like(ended, { kind: 'ended', exitCode: 0 });
      const [environ, cmdline] = splitDump(rig.output(token).toString('latin1'));
      const want = new Map<string, string>(bases[which] as readonly (readonly [string, string])[]);
      want.set('BALSAM_INCARNATION', 'rig').set('BALSAM_HELPER', rig.helper.id);
      for (const [n, v] of env) want.set(n, latin1(v));
      t.deepEqual(
        environ.split('\0').slice(0, -1).toSorted(),
        [...want].map(([n, v]) => `${n}=${v}`).toSorted(),
      );
      t.is(cmdline, ['/bin/sh', '-c', dump, ...args.map(latin1)].map((a) => `${a}\0`).join(''));
    };
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(value, { maxLength: 5 }),
          fc.array(fc.tuple(name, value), { maxLength: 5 }),
          (args, env) =>
            check(
              [...args],
              env.map(([n, v]) => [n, v]),
            ),
        ),
        { numRuns: kind === 'python' ? 120 : 80, endOnFailure: true },
      );
    } finally {
      for (const rig of rigs) await rig.close();
    }
  });
}

/** The dump's own command line holds the separator too: it begins after the first one that /bin/sh follows. */
function splitDump(text: string): [environ: string, cmdline: string] {
  const at = text.indexOf('\nEND\n/bin/sh\0');
  return [text.slice(0, at), text.slice(at + 5)];
}
