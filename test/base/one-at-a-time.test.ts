/** Looks at the database do not pile up behind one that does not answer. */
import test from 'ava';
import { oneAtATime } from '../../src/base/one-at-a-time.ts';

test('a look while one is under way is left out; the next one after it is not', async (t) => {
  let answer = Promise.withResolvers<void>();
  let looks = 0;
  const look = oneAtATime(() => {
    looks += 1;
    return answer.promise;
  });
  for (let i = 0; i < 100; i++) look();
  t.is(looks, 1);
  answer.resolve();
  await new Promise(setImmediate);
  answer = Promise.withResolvers();
  look();
  look();
  t.is(looks, 2);
  answer.resolve();
});
