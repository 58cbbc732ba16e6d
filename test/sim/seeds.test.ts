/**
 * Seeds that notice bugs that were mended: run each time, whatever SIM_FROM and SIM_SEEDS say. Each was seen to fail with its
 * bug put back. A change of the simulator may give a seed another story: then the bug is put back once more, and the first
 * seed that notices takes its place here.
 */
import test from 'ava';
import { runSeed } from './scenario.ts';

const SEEDS: readonly (readonly [seed: number, what: string])[] = [
  [319_032, 'an agent that was never echoed kept a job that had been given up, and a successor let it begin'],
  [6_790, 'jobs were added to a start command that its agent had already: they waited for ever'],
  [27, 'a successor ended as strays what it had not read yet'],
  [31, 'an incarnation that had ended during a takeover was taken for one that started nothing'],
  [204, 'a report of before the takeover that a job came back took it from the agent that had it since'],
  [358, 'the same, and it was started twice'],
  [1_550, 'a job that had come back was put back again by the same word, told once more'],
  [2_800, 'an incarnation was on record as over before the releases of what it held'],
  [6, 'who had a reservation waited behind those who waited for the nodes that it kept free'],
  // Of the shell: here its model does as it does.
  [413, 'a caretaker echoed under the epoch of its predecessor, and agents follow another one by then'],
  [2_730, 'a note overtaken by a raise of the own epoch was taken for the loss of the row'],
];

for (const [seed, what] of SEEDS)
  test(`seed ${seed}: ${what}`, (t) => {
    t.notThrows(() => runSeed(seed));
  });
