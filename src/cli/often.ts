/** The commands that people type most, all about the database. They share nearly all their code, and are built into one file. */
import { appCommand } from './commands/app.ts';
import { explainCommand } from './commands/explain.ts';
import { jobCommand } from './commands/job.ts';
import { killCommand, killjobCommand } from './commands/killjob.ts';
import { lsCommand } from './commands/ls.ts';
import { makeDummiesCommand } from './commands/make-dummies.ts';
import { modifyCommand } from './commands/modify.ts';
import { cdCommand, outputCommand } from './commands/output.ts';
import { resetCommand, retryCommand } from './commands/retry.ts';
import { rmCommand } from './commands/rm.ts';
import { general, start } from './run.ts';

export const OFTEN = {
  app: general(appCommand),
  job: general(jobCommand),
  make_dummies: general(makeDummiesCommand),
  ls: general(lsCommand),
  modify: general(modifyCommand),
  rm: general(rmCommand),
  kill: general(killCommand),
  killjob: general(killjobCommand),
  retry: general(retryCommand),
  reset: general(resetCommand),
  explain: general(explainCommand),
  output: general(outputCommand),
  cd: general(cdCommand),
};

/** Runs one of them; its exit code. */
export function startOften(name: string, raw: readonly string[]): Promise<number> {
  return start(name, OFTEN[name as keyof typeof OFTEN], raw);
}
