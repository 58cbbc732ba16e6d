/**
 * A directory that was copied together with the record of a running server, and one that was moved: each is served by its
 * own server or by none.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Owner, endServer, ownerOf, PEOPLE, type Person } from './_people.ts';

async function withJobs(t: ExecutionContext, person: Person): Promise<Owner> {
  const owner = await ownerOf(t, person);
  t.is((await owner.balsam('app --name a --executable /bin/true')).code, 0);
  t.is((await owner.balsam('job --name original --workflow w --application a --yes')).code, 0);
  return owner;
}

/** The same person at another directory, as `cp -a` or `mv` left it. */
function at(t: ExecutionContext, owner: Owner, name: string): Owner {
  const other = new Owner(owner.person, owner.place);
  Object.assign(other, { db: path.join(owner.place, name) });
  other.env = { ...owner.env, BALSAM_DB_PATH: other.db };
  t.teardown(() => endServer(other.db));
  return other;
}

for (const person of PEOPLE) {
  test.serial(`${person.title}: a copy does not drive the original's server`, async (t) => {
    const owner = await withJobs(t, person);
    const copy = at(t, owner, 'copy');
    execFileSync('cp', ['-a', owner.db, copy.db]);
    const { pid } = owner.info;
    for (const words of [
      'ls',
      'rm jobs --all --yes',
      'app --name b --executable /bin/true',
      'launcher --consume-all',
      'server --connect',
      'server --stop',
      'server --reset',
      'server --status',
      'server --list-active-connections',
    ]) {
      const ran = await copy.balsam(words);
      t.is(ran.code, 1, words);
      t.true(
        ran.err.startsWith(
          `balsam: ${copy.db} is a copy of ${owner.db}, and its server-info names the server of that one`,
        ),
        `${words}: ${ran.err}`,
      );
      t.regex(ran.err, /balsam server --connect --move-here/);
      t.is(ran.out, '', words);
    }
    const doctor = await copy.balsam('doctor');
    t.is(doctor.code, 1);
    t.regex(doctor.out, /FAIL +server +\S+ is a copy of /);
    t.is(owner.info.pid, pid);
    t.regex((await owner.balsam('ls')).out, /original/);

    // What the sentence says: a server of its own.
    const own = await copy.balsam('server --connect --move-here');
    t.is(own.code, 0, own.err);
    t.is((await copy.balsam('job --name copied --workflow w --application a --yes')).code, 0);
    t.regex((await copy.balsam('ls')).out, /original[^]*copied/);
    t.notRegex((await owner.balsam('ls')).out, /copied/);
    t.is((await copy.balsam('server --stop')).code, 0);
    t.regex((await owner.balsam('server --status')).out, new RegExp(`^running .*pid ${pid}\n`));
    t.is((await owner.balsam('server --stop')).code, 0);
  });

  test.serial(
    `${person.title}: a copy of a running database has a server of its own once the original's has stopped`,
    async (t) => {
      const owner = await withJobs(t, person);
      const copy = at(t, owner, 'copy');
      execFileSync('cp', ['-a', owner.db, copy.db]);
      t.is((await owner.balsam('server --stop')).code, 0);
      const listed = await copy.balsam('ls');
      t.is(listed.code, 0, listed.err);
      // The original starts again, at the same socket and port as the record of the copy had it: still two.
      t.is((await owner.balsam('server --connect')).code, 0);
      t.is((await copy.balsam('rm jobs --all --yes')).code, 0);
      t.regex((await owner.balsam('ls')).out, /original/);
      t.is((await copy.balsam('server --stop')).code, 0);
      t.is((await owner.balsam('server --stop')).code, 0);
    },
  );

  test.serial(`${person.title}: a database that was moved is the same one, stopped or running`, async (t) => {
    const owner = await withJobs(t, person);
    const moved = at(t, owner, 'moved');
    fs.renameSync(owner.db, moved.db);
    const { pid } = moved.info;
    const running = await moved.balsam('ls');
    t.is(running.code, 0, running.err);
    t.regex(running.out, /original/);
    t.is(moved.info.pid, pid, 'by the same server');
    t.is((await moved.balsam('server --stop')).out, 'Stopped the Balsam DB server\n');
    fs.renameSync(moved.db, owner.db);
    t.regex((await owner.balsam('ls')).out, /original/);
    t.is((await owner.balsam('server --stop')).code, 0);
    const elsewhere = at(t, owner, 'elsewhere');
    execFileSync('cp', ['-a', owner.db, elsewhere.db]);
    fs.rmSync(owner.db, { recursive: true });
    t.regex((await elsewhere.balsam('ls')).out, /original/, 'moved to another disk');
    t.is((await elsewhere.balsam('server --stop')).code, 0);
  });
}
