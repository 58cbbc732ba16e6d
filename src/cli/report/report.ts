/**
 * `balsam report`: what happened and where the time went: as text with small plots, JSON, CSV, or a page of HTML that
 * stands alone. The library that plots is loaded for the page only.
 */
import fs from 'node:fs';
import { defineCommand } from 'citty';
import { momentOf } from '../../analytics/interval.ts';
import { makeReport } from '../../analytics/report.ts';
import type { Report } from '../../analytics/shape.ts';
import { EXIT_FAILED, messageOf, UserError } from '../../base/errors.ts';
import { escaped } from '../output/format.ts';
import { JSON_OPTION } from '../output/json.ts';
import { lookOf } from '../output/look.ts';
import { reportCsv, reportJson } from './report-csv.ts';
import { reportText } from './report-text.ts';
import { FILTERS, workflowPattern } from '../input/select.ts';
import { print, printLine, withDatabase } from '../output/terminal.ts';

export const reportCommand = defineCommand({
  meta: {
    name: 'report',
    description: 'What happened: states, throughput, waits, failures, use of the nodes',
  },
  args: {
    wf: FILTERS.wf,
    since: {
      type: 'string',
      valueHint: 'TIME',
      description: 'only what happened from then on: 2h, 1d12h (ago), or 2026-01-31T12:00Z',
    },
    until: { type: 'string', valueHint: 'TIME', description: 'only what happened before' },
    ...JSON_OPTION,
    csv: { type: 'boolean', description: 'one table with a line for each figure' },
    html: { type: 'string', description: 'write a page with plots that stands alone', valueHint: 'FILE' },
  },
  async run({ args }) {
    const { wf, json, csv, html } = args;
    const forms = [json === true && '--json', csv === true && '--csv', html !== undefined && '--html'].filter(
      (form) => form !== false,
    );
    if (forms.length > 1) throw new UserError(`report gives one form at a time: ${forms.join(' or ')}`);
    if (html?.trim() === '') throw new UserError('--html needs the name of a file');
    const since = args.since === undefined ? undefined : momentOf('--since', args.since, 'own');
    const until = args.until === undefined ? undefined : momentOf('--until', args.until, 'own');
    const report = await withDatabase(async (db) => {
      const workflow = wf === undefined ? undefined : await workflowPattern(db, '--wf', wf);
      return makeReport(db, { workflow, since, until });
    });
    if (json === true) await printLine(reportJson(report));
    else if (csv === true) for (const line of reportCsv(report)) await print(line);
    else if (html !== undefined) await writePage(report, html);
    else if (report.from === null) {
      const isAll = since === undefined && until === undefined;
      await printLine(isAll ? 'No jobs found matching query' : 'Nothing is on record in this time');
    } else await print(reportText(report, lookOf()));
  },
});

async function writePage(report: Report, file: string): Promise<void> {
  const { reportPage } = await import('./report-page.ts');
  try {
    await fs.promises.writeFile(file, reportPage(report));
  } catch (error) {
    throw new UserError(`the report cannot be written to ${file}: ${messageOf(error)}`, EXIT_FAILED);
  }
  await printLine(`report written to ${escaped(file)}`);
}
