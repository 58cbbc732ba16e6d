/**
 * A report as one page of HTML: plots as SVG, tables, styles inside; it runs no script and asks nothing of the network, and
 * says so to the browser. Loaded for `balsam report --html` only, because the plotting library comes with it.
 *
 * The page is built as a document, so that whatever a name holds is text.
 */
import type { Report } from '../../analytics/shape.ts';
import { WASTE_PARTS } from '../../analytics/waste.ts';
import { JOB_STATES } from '../../model/job.ts';
import { escaped } from '../output/format.ts';
import { parseHTML } from '../plot-library.mjs';
import type { PageDocument, PageElement } from '../plot-library.mjs';
import { nodesPlot, statesPlot, throughputPlot, timesPlot } from './report-plots.ts';
import { between, hours, percent, share, spreadCells, stamp, WASTE_NAMES } from './report-text.ts';

/** Nothing may be loaded from anywhere, and nothing may run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE = `
  body { font: 15px/1.45 system-ui, sans-serif; color: #1d2430; background: #fff; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
  h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; border-bottom: 1px solid #d9dde3; padding-bottom: .2rem; }
  p { margin: .3rem 0; }
  .about { color: #5b6675; }
  .figures { display: flex; flex-wrap: wrap; gap: .6rem 2rem; margin: 1rem 0; }
  .figures div { min-width: 7rem; }
  .figures b { display: block; font-size: 1.4rem; font-weight: 600; }
  .figures span { color: #5b6675; font-size: .85rem; }
  .table { overflow-x: auto; margin-top: .8rem; }
  table { border-collapse: collapse; font-size: .87rem; width: 100%; }
  th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e8ebef; vertical-align: top; overflow-wrap: anywhere; }
  th { color: #5b6675; font-weight: 600; white-space: nowrap; }
  .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
  td.text { min-width: 5rem; }
  th.n { white-space: normal; }
  figure { max-width: 100%; margin: 0; }
`;

/** The text of the page. */
export function reportPage(r: Report): string {
  const { document } = parseHTML('<!doctype html><html lang="en"><head></head><body></body></html>');
  const page = new Page(document);
  const title = r.workflow === '' ? 'all workflows' : `workflow “${escaped(r.workflow)}”`;
  page.head(`Balsam report: ${title}`);
  page.add('h1', `Report of ${title}`);
  page.add('p', aboutOf(r), 'about');
  page.figures(figuresOf(r));
  if (r.buckets.length > 0 && r.jobs > 0) {
    page.section('Jobs by state', statesPlot(document, r));
    page.section('Throughput', throughputPlot(document, r));
  }
  if (r.launchers.length > 0) nodes(page, document, r);
  if (r.applications.length > 0) applications(page, document, r);
  if (r.failures.length > 0) failures(page, r);
  return `<!doctype html>\n${document.documentElement.outerHTML}\n`;
}

function aboutOf(r: Report): string {
  const made = `made ${stamp(r.madeAt)} UTC by balsam report`;
  if (r.from === null || r.to === null) return `Nothing is on record; ${made}.`;
  return `${stamp(r.from)} to ${stamp(r.to)} UTC (${between(r.from, r.to)}); ${made}.`;
}

function figuresOf(r: Report): [string, string][] {
  const counts = JOB_STATES.filter((state) => (r.states[state] ?? 0) > 0);
  return [
    ['jobs', String(r.jobs)],
    ...counts.map((state): [string, string] => [state, String(r.states[state])]),
    ...(r.utilisation === null ? [] : [['of the nodes in use', percent(r.utilisation)] as [string, string]]),
    ...(r.launchers.length === 0 ? [] : [['node-hours', hours(r.nodeSeconds.total)] as [string, string]]),
  ];
}

function nodes(page: Page, document: PageDocument, r: Report): void {
  page.section('What the nodes did', nodesPlot(document, r));
  const parts = WASTE_PARTS.filter((part) => part !== 'busyOther' || r.nodeSeconds.busyOther > 0);
  page.table(
    ['launcher', 'name', 'state', '#nodes', '#node-hours', ...parts.map((part) => `#${WASTE_NAMES[part]}`)],
    [
      ...r.launchers.map((l) => [
        String(l.launcher),
        l.name,
        l.state,
        String(l.nodes),
        hours(l.nodeSeconds.total),
        ...parts.map((part) => percent(share(l.nodeSeconds, part))),
      ]),
      [
        'all', '', '', '', hours(r.nodeSeconds.total), ...parts.map((part) => percent(share(r.nodeSeconds, part))),
      ], // prettier-ignore
    ],
  );
}

function applications(page: Page, document: PageDocument, r: Report): void {
  page.section('Waits by application', timesPlot(document, r, 'wait'));
  page.add(
    'p',
    'From the time when a job could be leased to its start: median (dot), 90th (tick) and 99th percentile (end).',
    'about',
  );
  page.section('Run times by application', timesPlot(document, r, 'run'));
  const spread = (what: string): string[] => ['p50', 'p90', 'p99', 'max'].map((q) => `#${what} ${q}`);
  page.table(
    ['application', '#started', ...spread('wait'), ...spread('run')],
    r.applications.map((a) => [
      a.application,
      String(a.started),
      ...spreadCells(a.wait),
      ...spreadCells(a.run),
    ]),
    r.moreApplications,
  );
}

function failures(page: Page, r: Report): void {
  page.section('Failures', null);
  page.table(
    ['#times', '#jobs', '#for good', 'application', 'what', 'reason', 'example', 'last'],
    r.failures.map((f) => [
      String(f.count), String(f.jobs), String(f.final), f.application, f.kind, f.reason, f.example, `${stamp(f.last)}`,
    ]), // prettier-ignore
    r.moreFailures,
  );
}

/** Puts a document together. */
class Page {
  readonly #document: PageDocument;

  constructor(document: PageDocument) {
    this.#document = document;
  }

  head(title: string): void {
    const { head } = this.#document;
    head.append(
      this.#element('meta', '', { charset: 'utf-8' }),
      this.#element('meta', '', { 'http-equiv': 'Content-Security-Policy', content: POLICY }),
      this.#element('meta', '', { name: 'viewport', content: 'width=device-width' }),
      this.#element('title', title),
      this.#element('style', STYLE),
    );
  }

  add(name: string, text: string, className = ''): void {
    this.#document.body.append(this.#element(name, text, className === '' ? {} : { class: className }));
  }

  section(title: string, plot: PageElement | null): void {
    this.add('h2', title);
    if (plot !== null) this.#document.body.append(plot);
  }

  figures(all: readonly (readonly [string, string])[]): void {
    const box = this.#element('div', '', { class: 'figures' });
    for (const [what, value] of all) {
      const figure = this.#element('div');
      figure.append(this.#element('b', value), this.#element('span', what));
      box.append(figure);
    }
    this.#document.body.append(box);
  }

  /** A header that begins with # is of numbers. */
  table(headers: readonly string[], rows: readonly (readonly string[])[], more = false): void {
    const classOf = (i: number): string => (headers[i]?.startsWith('#') === true ? 'n' : 'text');
    const row = (name: string, cells: readonly string[]): PageElement => {
      const line = this.#element('tr');
      line.append(...cells.map((cell, i) => this.#element(name, escaped(cell), { class: classOf(i) })));
      return line;
    };
    const table = this.#element('table');
    const [head, body] = [this.#element('thead'), this.#element('tbody')];
    head.append(row('th', headers.map((h) => h.replace(/^#/, '')))); // prettier-ignore
    body.append(...rows.map((cells) => row('td', cells)));
    table.append(head, body);
    const box = this.#element('div', '', { class: 'table' });
    box.append(table);
    this.#document.body.append(box);
    if (more) this.add('p', 'There are more, which are not shown.', 'about');
  }

  #element(name: string, text = '', attributes: { readonly [name: string]: string } = {}): PageElement {
    const element = this.#document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== '') element.textContent = text;
    return element;
  }
}
