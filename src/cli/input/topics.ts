/**
 * `balsam help TOPIC`: pages about more than one command. Lines that begin with `$` are examples; a test runs every one
 * of them, in order, and each must succeed.
 */
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import { END_STATES, JOB_STATES, SETTABLE_STATES, TRANSITIONS } from '../../model/job.ts';

const TOUR = `From nothing to results:

  $ balsam init ./mydb
  $ export BALSAM_DB_PATH=$PWD/mydb
  $ balsam app --name hello --executable "echo hello" --description "says hello"
  $ balsam job --name first --workflow tour --application hello --args world --yes
  $ balsam make_dummies 20
  $ balsam ls
  $ balsam launcher --consume-all --job-mode serial --idle-exit-seconds 0
  $ balsam ls --by-states
  $ balsam ls --name first --history
  $ balsam output first

In a shell of your own, \`source balsamactivate ./mydb\` sets BALSAM_DB_PATH and the prompt, and starts the server;
\`source balsamdeactivate\` undoes it. On a cluster, \`balsam submit-launch\` hands the launcher to the batch queue.

  $ balsam server --stop
`;

const FILTERS = `ls, kill, rm, retry and reset take the same filters; jobs must meet all that are given:

  --name NAME         exactly this name; ls without a * takes every name that contains NAME, in any case
  --id TEXT           id contains TEXT
  --state STATE       exactly this state, in any case, with - or _
  --wf NAME           exactly this workflow
  --application NAME  exactly this application

In these names a * stands for any text, and \\* for a star; quote it, or the shell may take it. A workflow, application or
state that is not there is refused, with the names that come near. report takes --wf alike. A launcher's --wf-filter takes every
workflow whose name contains its text, and says which ones these are.

--name, --id and --application look through all jobs, a million in half a second; with --wf only through those of that workflow.

  $ balsam ls --wf dummy --state job-finished
  $ balsam ls --name dummy1 --by-states
  $ balsam retry --wf dummy --yes
  $ balsam kill --wf 'dum*' --name dummy18 --yes
  $ balsam rm jobs --name dummy19 --state JOB_FINISHED --force

What jobs wrote stays when they are removed; rm --files removes their directories too.

kill, explain, output, cd, modify, retry and reset take one job, JOB: its name, when no other job has it, its id, or the
beginning of that, as many digits as make it unique. A name wins over the beginning of an id, a whole id over a name. What may
mean several jobs is refused, and they are listed.

  $ balsam explain first
  $ balsam modify dummy2 description "a dummy"
`;

const FIELDS = `BALSAM_LS_FIELDS adds columns to \`balsam ls\`, names joined by colons; BALSAM_LS_LIMIT bounds its rows (5000).
\`balsam modify JOB FIELD VALUE\` changes a field; the value is read by the type of the field.

  $ BALSAM_LS_FIELDS=num_nodes:data balsam ls --wf dummy
  $ BALSAM_LS_LIMIT=3 balsam ls
  $ balsam ls --name first --verbose

data is a JSON object; data.KEY is one key of it:

  $ balsam modify first data.x 3

environ_vars.NAME is one of its variables; its value may hold anything:

  $ balsam modify first environ_vars.UBSAN_OPTIONS halt_on_error=1:print_stacktrace=1
`;

const ENVIRONMENT = `BALSAM_DB_PATH     the database directory; set by balsamactivate
BALSAM_LS_FIELDS   further columns of ls: see \`balsam help fields\`
BALSAM_LS_LIMIT    rows that ls shows (5000)
BALSAM_NODE        the Node to run with, where the package has none
BALSAM_PYTHON      the python3 that starts jobs
BALSAM_HOME        where the list of known databases is kept (~/.balsam)
BALSAM_SOCKET_DIR  where the sockets of servers and jobs lie: an absolute path of this node (/tmp)
NO_COLOR           no colours, even on a terminal

A job finds BALSAM_JOB_ID, BALSAM_ATTEMPT, BALSAM_JOB_SOCKET, BALSAM_JOB_TOKEN, BALSAM_PARENT_IDS and BALSAM_DB_PATH in its environment.

  $ NO_COLOR=1 balsam ls --by-states
  $ balsam which
`;

const JSON_PAGE = `--json makes a command print JSON lines and nothing else on stdout. Every line is an object that begins with its
kind and the version of that kind; docs/json.md describes them all. Commands that ask need --yes.

  $ balsam ls --state JOB_FINISHED --json
  $ balsam ls --by-states --json
  $ balsam doctor --json
`;

const EXIT_CODES = `Every command:

  0   done
  1   it failed: no such job, the database is away, a check of doctor failed
  2   the words were wrong: nothing was done
  70  a bug: please report it

balsam launcher, whose last line says the same in words and counts:

  0   every job that it was asked for ran to its end: none waits, none is held by another launcher. Jobs that failed by
      themselves count as failed, and do not change this
  1   it could not work: it could not start, no agent joined or was left, the database did not come back. The reason is on stderr
  3   jobs are left that it did not run: they do not fit (time, nodes, ranks), belong to another database user, are held by
      another launcher, were not come to before its time limit or a signal, or could not be started; or --wf-filter matches nothing
  Above 128: ended by a signal that it cannot hear, as 137 by SIGKILL

balsam server --status is 1 when the server does not run, balsam doctor when a check is FAIL. A batch script may go on
like this: after 3 the next allocation takes what is left.

  balsam launcher --consume-all; case $? in 0) ./evaluate ;; 3) sbatch "$0" ;; *) exit 1 ;; esac

The reason of 1 and 2 is one sentence on stderr.

  $ balsam ls --state NOSUCH; test $? -eq 2
  $ balsam cd ffffffff; test $? -eq 1
  $ balsam launcher --wf-filter NOSUCH --idle-exit-seconds 0; test $? -eq 3
`;

const COMPLETION = `Completes commands, options, states, workflows, applications, names and ids of jobs:

  bash   eval "$(balsam completion bash)"                                   in ~/.bashrc
  zsh    eval "$(balsam completion zsh)"                                    in ~/.zshrc, after compinit
  fish   balsam completion fish > ~/.config/fish/completions/balsam.fish

  $ eval "$(balsam completion bash)"
`;

/** From the table of core/job.ts, which is what the system does. */
function states(): string {
  const width = Math.max(...JOB_STATES.map((state) => state.length));
  const lines = TRANSITIONS.filter(({ to }) => to !== 'USER_KILLED').map(
    ({ from, to, when }) => `  ${from.padEnd(width)} → ${to.padEnd(width)}  ${when}`,
  );
  return `${lines.join('\n')}

Every state but ${END_STATES.join(', ')} may become USER_KILLED. \`balsam modify JOB state X\` puts a job that no launcher holds
into ${SETTABLE_STATES.join(', ')}.

  $ balsam ls --state created
`;
}

const PAGES: { readonly [topic: string]: () => string } = {
  tour: () => TOUR,
  filters: () => FILTERS,
  fields: () => FIELDS,
  states,
  environment: () => ENVIRONMENT,
  json: () => JSON_PAGE,
  'exit-codes': () => EXIT_CODES,
  completion: () => COMPLETION,
};

/** The names of the pages. */
export const TOPICS: readonly string[] = Object.keys(PAGES);

/** The page of a topic; UserError, with a suggestion among topics and `others`, when there is none. */
export function topicText(typed: string, others: readonly string[]): string {
  const name = typed.toLowerCase().replaceAll('_', '-');
  if (Object.hasOwn(PAGES, name)) return PAGES[name]!();
  throw new UserError(
    `no help on ${JSON.stringify(typed)}${didYouMean(typed, [...TOPICS, ...others])}; topics are ${TOPICS.join(', ')}`,
  );
}
