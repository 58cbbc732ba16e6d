/** Beginnings of jobs in Python that speak to their job channel, with nothing but the standard library. */

/** Connected: `ask(line)` sends a line and gives its answer, `f` is the connection as a file. Nothing is said yet. */
export const PYTHON = `#!/usr/bin/env python3
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["BALSAM_JOB_SOCKET"])
f = s.makefile("rw", encoding="utf-8", newline="\\n")
def ask(line):
    f.write(json.dumps(line) + "\\n")
    f.flush()
    answer = json.loads(f.readline())
    if not answer["ok"]:
        raise SystemExit(answer["error"])
    return answer
`;

/** The same, when the channel has its token. */
export const GREETED = `${PYTHON}ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})
`;
