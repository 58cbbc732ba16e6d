/**
 * The page of `balsam report --html` in a real browser, Debian's chromium: the marks are drawn, hostile names are text, and
 * the page asks nothing of the network. Without chromium on the machine those tests are skipped, and say so.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import * as z from 'zod';
import { parseHTML } from '../../src/cli/plot-library.mjs';
import { connect } from '../../src/store/connection.ts';
import { HOSTILE_APPLICATIONS, HOSTILE_WORKFLOW, writeDay } from '../analytics/_rows.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { balsam, run } from '../helpers/program.ts';
import { unless } from '../helpers/unless.ts';

const CHROMIUM = which('chromium');
const inBrowser = unless(CHROMIUM === '' ? 'there is no chromium on this machine' : null, test.serial);

function which(name: string): string {
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

let day: DatabaseDirectory;
let scratch: string;
let file: string;
let html: string;

test.before(async () => {
  day = await databaseDirectory();
  scratch = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-page-'));
  file = path.join(scratch, 'report.html');
  await using db = connect(day.address, { applicationName: 'test', role: 'client' });
  await writeDay(db, 1_000);
  const made = await balsam(['report', '--html', file, '--wf', '<*'], {
    env: { BALSAM_DB_PATH: day.path },
    deadline: 90_000,
  });
  if (made.code !== 0) throw new Error(made.err);
  html = await fs.promises.readFile(file, 'utf8');
});

test.after.always(async () => {
  await day?.remove();
  if (scratch) await fs.promises.rm(scratch, { recursive: true, force: true });
});

/** What is used of linkedom to read a page. */
interface Read {
  querySelectorAll(
    selector: string,
  ): ArrayLike<{ textContent: string; outerHTML: string; getAttribute(name: string): string }>;
  title: string;
}
const read = (text: string): Read => parseHTML(text).document as unknown as Read;

const NET_LOG = z.object({
  constants: z.object({ logEventTypes: z.record(z.string(), z.int()) }),
  events: z.array(
    z.object({
      type: z.int(),
      params: z.looseObject({ url: z.string().optional(), initiator: z.string().optional() }).optional(),
    }),
  ),
});

/** Opens a page; the document as it is then, and every URL that the page asked for. Nothing outside is reached. */
async function open(page: string): Promise<{ dom: string; asked: string[] }> {
  const profile = await fs.promises.mkdtemp(path.join(scratch, 'profile-'));
  const log = path.join(profile, 'net.json');
  const ran = await run(
    CHROMIUM,
    // prettier-ignore
    ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND',
      `--user-data-dir=${profile}`, `--log-net-log=${log}`, '--dump-dom', pathToFileURL(page).href],
    { deadline: 90_000 },
  );
  if (ran.code !== 0) throw new Error(`chromium: ${ran.code} ${ran.signal} ${ran.err}`);
  const { constants, events } = NET_LOG.parse(JSON.parse(await fs.promises.readFile(log, 'utf8')));
  const request = constants.logEventTypes['URL_REQUEST_START_JOB'];
  const asked = events
    // The browser's own requests have no origin; those of a page from a file have the origin "null".
    .filter((e) => e.type === request && e.params?.initiator !== 'not an origin')
    .flatMap((e) => e.params?.url ?? []);
  return { dom: ran.out, asked };
}

test.serial('the page names nothing outside, and forbids it', (t) => {
  const page = read(html);
  t.regex(html, /^<!doctype html>\n<html lang="en">/);
  t.is(page.querySelectorAll('script, link, iframe, img, object, embed, base, form').length, 0);
  const policy = page.querySelectorAll('meta[http-equiv="Content-Security-Policy"]')[0]!;
  t.is(policy.getAttribute('content'), "default-src 'none'; style-src 'unsafe-inline'");
  t.notRegex(html, /\b(?:src|href|srcset|action|on\w+)=["'](?!#)|@import|url\((?!#)/);
});

inBrowser('a browser draws every plot and table, and takes no name for anything but text', async (t) => {
  const { dom } = await open(file);
  const page = read(dom);
  t.is(page.title, `Balsam report: workflow “<*”`);
  t.is(page.querySelectorAll('script, img').length, 0);
  const plots = Array.from(page.querySelectorAll('svg[aria-label]'));
  t.deepEqual(
    plots.map((svg) => svg.getAttribute('aria-label')),
    ['Jobs by state over time', 'Throughput', 'What the nodes did', 'Waits by application', 'Run times by application'],
  ); // prettier-ignore
  const marks = plots.map(({ outerHTML }) => (outerHTML.match(/<(?:rect|circle)\b/g) ?? []).length);
  t.true(marks.slice(0, 3).every((n) => n >= 60) && marks.slice(3).every((n) => n === 5), `${marks.join()}`);
  for (const { outerHTML } of plots) t.notRegex(outerHTML, /NaN|undefined|Infinity/);
  const cells = Array.from(page.querySelectorAll('td')).map((cell) => cell.textContent);
  for (const name of [HOSTILE_APPLICATIONS[0], HOSTILE_APPLICATIONS[1], HOSTILE_APPLICATIONS[4]]) t.true(cells.includes(name), name); // prettier-ignore
  t.true(cells.includes(String.raw`\u001b[2Jclear\u0007`));
  t.true(cells.includes('=1+1'));
  t.is(page.querySelectorAll('h1')[0]!.textContent, 'Report of workflow “<*”');
  t.true(HOSTILE_WORKFLOW.includes('<'));
});

inBrowser('the page asks nothing of the network; one that does is seen', async (t) => {
  t.deepEqual(
    (await open(file)).asked.filter((url) => !url.startsWith('file:')),
    [],
  );
  const other = path.join(scratch, 'other.html');
  await fs.promises.writeFile(other, '<!doctype html><p>x</p><img src="http://balsam-test.invalid/x.png">');
  t.deepEqual(
    (await open(other)).asked.filter((url) => !url.startsWith('file:')),
    ['http://balsam-test.invalid/x.png'],
  ); // prettier-ignore
});
