"""helper.py: starts jobs, one at a time, for an agent (the python3 kind of helper; helper-node.ts is its twin).

Why a process of its own: a fork out of a large Node process costs milliseconds, posix_spawn out of this small
one does not; and only the parent of a job gets its exact exit status, CPU time and peak memory. As a subreaper
it also inherits what a job leaves behind, so that nothing escapes by a session of its own.

Who calls it: nursery.py, which forks into it; the agent's side is helper.ts. One JSON line a request, one JSON line an
event, on one socket. Every string in a request is latin1: each character is one byte of the value, all bytes allowed.
  start       {"t": token, "d": cwd, "m": 0|1 make it, "o": output file, "n": attempt,
               "a": [argv], "e": {set}, "u": [unset], "c": [cpus]|null}
  kill        {"k": token, "g": grace in ms}       retract {"r": token}
Events are described in helper.ts (HelperEvent).

What it must never do: run anything after end of file on its socket (the agent is gone), start a second job before
the first and all it left behind is gone, or pass a value through a shell. Standard library of 3.8 only.
"""
import collections
import errno
import json
import os
import select
import signal
import time
from _socket import MSG_DONTWAIT

from helper_output import killed_for_memory, missing_interpreter, open_output, read_tail

STARTED_AFTER_S = 0.05  # a job that ends sooner gets no `started`: one write less for short jobs
HELD_S = 0.002  # how long a report may wait for another while more work is queued here
HELD_MAX = 4
SWEEP_S = 0.02  # first pause between two rounds of killing leftovers; doubles up to a second
SHUTDOWN_S = 10.0  # after end of file: how long we try to see everything dead (KILL works within 2 s, or never)
PATH_CACHE = 256
READ = 1 << 18
# While a job runs we do not look at the socket: each look would be a wake-up of no use. The agent sends SIGURG after a
# line that can't wait (kill, retract, end of file), the nursery when the agent is gone; its default is to be ignored,
# so that it can't hurt a helper that is still starting.
HURRY = signal.SIGURG
WAKE = (signal.SIGCHLD, HURRY)
BUSY_LOOK_S = 5.0  # nothing depends on it: the socket is looked at so often all the same while a job runs
DEFAULT_PATH = b"/usr/local/bin:/usr/bin:/bin"
monotonic = time.monotonic
wait4 = os.wait4
WNOHANG = os.WNOHANG


class AgentGone(Exception):
    """Nobody reads our events any more."""


class Job:
    __slots__ = ("token", "pid", "started", "output", "announced", "killed", "told", "kill_at", "pause", "status",
                 "ended", "user", "system", "rss", "spread", "struck", "oom")

    def __init__(self, token, pid, started, output, oom):
        self.token = token
        self.pid = pid
        self.started = started
        self.output = output
        self.announced = False  # `started` was said
        self.killed = False  # a kill was asked for
        self.told = False  # the leader was signalled by us before it was reaped: its end is not its own
        self.kill_at = None  # when everything of it gets KILL (again)
        self.pause = SWEEP_S
        self.status = None  # wait status of the leader, once reaped
        self.ended = 0.0
        self.user = self.system = 0.0
        self.rss = 0
        self.spread = False  # TERM was given to descendants outside the leader's group
        self.struck = False  # KILL was given to the leader's group
        self.oom = oom  # killed for want of memory in our cgroup when it started, about


def descendants():
    """[(pid, pgrp)] of every living process below this one, parents first. Costs a walk over /proc: rare cases only."""
    kids = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fd = os.open("/proc/" + name + "/stat", os.O_RDONLY)
        except OSError:
            continue
        try:
            text = os.read(fd, 4096)
        except OSError:
            continue
        finally:
            os.close(fd)
        state, ppid, pgrp = text[text.rindex(b")") + 2:].split(b" ", 3)[:3]
        if state not in (b"Z", b"X"):
            kids.setdefault(int(ppid), []).append((int(name), int(pgrp)))
        else:  # a zombie may still have threads' children; they hang below it until it is reaped
            kids.setdefault(int(ppid), []).append((int(name), -1))
    found, todo = [], [os.getpid()]
    while todo:
        for pid, pgrp in kids.get(todo.pop(), ()):
            todo.append(pid)
            if pgrp >= 0:
                found.append((pid, pgrp))
    return found


def signal_group(pid, sig):
    """For a leader that is not reaped yet: its number is still its own."""
    try:
        os.killpg(pid, sig)
    except OSError:
        pass  # a job of another uid (setuid): not ours to signal


def signal_tree(sig, except_group=0):
    for pid, pgrp in descendants():
        if pgrp != except_group:
            try:
                os.kill(pid, sig)
            except OSError:
                pass


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIG%d" % number


class Helper:
    def __init__(self, socket, base, oom_file):
        self.socket = socket
        self.events = socket.fileno()
        self.base = base
        self.queue = collections.deque()
        self.job = None
        self.out = []
        self.parts = []
        self.paths = {}
        self.all_cpus = os.sched_getaffinity(0)
        self.cpus = self.all_cpus
        self.oom_file = oom_file
        self.oom = killed_for_memory(oom_file)

    # --- requests -------------------------------------------------------------------------------------------

    def read(self):
        """Takes what has come by now, waiting for nothing; raises AgentGone at the end."""
        while True:
            try:
                data = self.socket.recv(READ, MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                raise AgentGone()
            if not data:
                raise AgentGone()
            end = data.rfind(b"\n")
            if end < 0:
                self.parts.append(data)
            else:
                self.parts.append(data[:end])
                lines = b"".join(self.parts).decode("latin1").split("\n")
                self.parts = [data[end + 1:]] if end + 1 < len(data) else []
                for line in lines:
                    self.request(json.loads(line))
            if len(data) < READ:
                return

    def request(self, r):
        if "t" in r:
            self.queue.append(r)
        elif "k" in r:
            self.kill(r["k"], r["g"])
        else:
            self.unqueue(r["r"])

    def unqueue(self, token):
        for r in self.queue:
            if r["t"] == token:
                self.queue.remove(r)
                self.out.append('{"kind":"retracted","token":%d}\n' % token)
                return

    def kill(self, token, grace_ms):
        self.reap()  # an end that came before this is the job's own
        job = self.job
        if job is None or job.token != token:
            self.unqueue(token)
            return
        job.killed = True
        job.told = job.told or job.status is None
        at = monotonic() + grace_ms / 1000
        if job.kill_at is None or at < job.kill_at:
            job.kill_at = at
        if grace_ms > 0:
            self.term(job)
        else:
            self.tick()

    def term(self, job):
        """TERM, once the leader is gone also to those of its descendants that are not in its group."""
        if job.status is None:
            signal_group(job.pid, signal.SIGTERM)
        elif not job.spread:
            job.spread = True
            signal_tree(signal.SIGTERM, job.pid)

    # --- start ----------------------------------------------------------------------------------------------

    def start(self, r):
        stage = "mkdir"
        out = -1
        try:
            cwd = r["d"].encode("latin1")
            if r["m"]:
                try:
                    os.mkdir(cwd)
                except FileExistsError:
                    pass
                except FileNotFoundError:
                    os.makedirs(cwd, exist_ok=True)
            stage = "chdir"
            os.chdir(cwd)
            stage = "output"
            output = r["o"].encode("latin1")
            out = open_output(output, r["n"])
            stage = "exec"
            env = self.base.copy()
            for name in r["u"]:
                env.pop(name.encode("latin1"), None)
            for name, value in r["e"].items():
                env[name.encode("latin1")] = value.encode("latin1")
            argv = [a.encode("latin1") for a in r["a"]]
            if not argv:
                raise ValueError("no command")
            path = argv[0]
            if b"/" not in path:
                path = self.find(path, env.get(b"PATH", DEFAULT_PATH))
            cpus = r["c"]
            if cpus is not None or self.cpus is not self.all_cpus:
                stage = "fork"
                self.pin(cpus)
                stage = "exec"
            started = monotonic()
            pid = os.posix_spawn(
                path, argv, env, setsid=True, setsigmask=(),
                file_actions=((os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)))
        except OSError as e:
            why = missing_interpreter(path) if stage == "exec" and e.errno == errno.ENOENT and b"/" in path else None
            self.failed(r, stage, e.errno, why or e.strerror)
            return
        except ValueError as e:  # a NUL, or '=' in a name
            self.failed(r, stage, errno.EINVAL, str(e))
            return
        finally:
            if out >= 0:
                os.close(out)
        self.job = Job(r["t"], pid, started, output, self.oom)

    def failed(self, r, stage, number, text):
        if stage == "exec" and number in (errno.EAGAIN, errno.ENOMEM):
            stage = "fork"
        what = {"mkdir": r["d"], "chdir": r["d"], "output": r["o"]}.get(stage) or (r["a"][0] if r["a"] else "")
        what = what[:1024].encode("latin1", "replace").decode("utf-8", "replace").replace("\0", "\ufffd")
        self.out.append(json.dumps({
            "kind": "failed", "token": r["t"], "stage": stage, "errno": number,
            "code": errno.errorcode.get(number, "E%d" % number), "message": "%s: %s" % (what, text)}) + "\n")

    def find(self, name, path):
        """Resolves a bare command name as execvp does; what was found once is tried first (saves a walk per job)."""
        key = (name, path)
        found = self.paths.get(key)
        if found is not None and os.access(found, os.X_OK):
            return found
        denied = False
        for part in path.split(b":"):
            candidate = (part or b".") + b"/" + name
            if os.path.isfile(candidate):
                if os.access(candidate, os.X_OK):
                    if candidate[:1] == b"/":
                        if len(self.paths) >= PATH_CACHE:
                            self.paths.clear()
                        self.paths[key] = candidate
                    return candidate
                denied = True
        number = errno.EACCES if denied else errno.ENOENT
        raise OSError(number, os.strerror(number) + " in PATH")

    def pin(self, cpus):
        want = self.all_cpus if cpus is None else set(cpus)
        if want != self.cpus:
            os.sched_setaffinity(0, want)
        self.cpus = want

    # --- end ------------------------------------------------------------------------------------------------

    def reap(self):
        job = self.job
        while True:
            try:
                pid, status, usage = wait4(-1, WNOHANG)
            except ChildProcessError:  # nobody is left, not even a grandchild: the common case, for one system call
                if job is not None:
                    self.finish(job)
                return
            if pid == 0:
                break
            if job is None:
                continue
            job.user += usage.ru_utime
            job.system += usage.ru_stime
            if usage.ru_maxrss > job.rss:
                job.rss = usage.ru_maxrss
            if pid == job.pid:
                job.status = status
                job.ended = monotonic()
        if job is not None and job.status is not None and not job.spread:
            if job.killed and job.kill_at > job.ended:
                self.term(job)  # its children get the rest of the grace
            else:
                job.spread = True
                job.kill_at = job.ended
                self.tick()

    def finish(self, job):
        self.job = None
        status = job.status
        code, name, tail = "null", "null", "null"
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
        else:
            name = '"%s"' % signal_name(os.WTERMSIG(status))
        oom = False
        if status:
            tail = json.dumps(read_tail(job.output))
            self.oom = killed_for_memory(self.oom_file)
            oom = job.announced and self.oom > job.oom
        self.out.append(
            '{"kind":"ended","token":%d,"exitCode":%s,"signal":%s,"userSeconds":%.6f,"systemSeconds":%.6f,"maxRssKb":%d,'
            '"startedAt":%.3f,"endedAt":%.3f,"told":%s,"oom":%s,"tail":%s}\n'
            % (job.token, code, name, job.user, job.system, job.rss, job.started * 1000, job.ended * 1000,
               "true" if job.told else "false", "true" if oom else "false", tail))

    def tick(self):
        """What is due now: the late `started`, the KILL after the grace, another round over leftovers."""
        job = self.job
        if job is None:
            return
        now = monotonic()
        if not job.announced and job.status is None and now >= job.started + STARTED_AFTER_S:
            job.announced = True
            self.oom = job.oom = killed_for_memory(self.oom_file)
            self.out.append('{"kind":"started","token":%d,"pid":%d,"at":%.3f}\n' % (job.token, job.pid, job.started * 1000))
        if job.kill_at is not None and now >= job.kill_at:
            # First the group alone: nearly always that is all, and a walk over /proc for each of a thousand jobs is minutes.
            if job.status is None and not job.struck:
                job.struck = True
                signal_group(job.pid, signal.SIGKILL)
            else:
                signal_tree(signal.SIGKILL)
            job.kill_at = monotonic() + job.pause
            job.pause = min(1.0, job.pause * 2)

    def timeout(self):
        job = self.job
        at = job.kill_at
        if not job.announced and job.status is None:
            first = job.started + STARTED_AFTER_S
            if at is None or first < at:
                at = first
        return BUSY_LOOK_S if at is None else min(BUSY_LOOK_S, max(0.0, at - monotonic()))

    # --- loop -----------------------------------------------------------------------------------------------

    def flush(self):
        data = "".join(self.out).encode("ascii")
        self.out = []
        try:
            done = os.write(self.events, data)
            while done < len(data):
                data = data[done:]
                done = os.write(self.events, data)
        except (BrokenPipeError, ConnectionError):
            raise AgentGone()

    def run(self):
        wait = signal.sigtimedwait
        commands = select.poll()
        commands.register(self.events, select.POLLIN)
        while True:
            if self.job is None:
                if not self.queue:
                    self.read()
                while self.queue and self.job is None:
                    self.start(self.queue.popleft())
                # Reports go out after the next start, so that its exec runs meanwhile; while more work waits here they
                # may also wait for the next end, briefly: fewer writes, and the agent is woken less often.
                if self.out and (not self.queue or len(self.out) >= HELD_MAX):
                    self.flush()
                if self.job is None:
                    commands.poll()
                    continue
            got = wait(WAKE, HELD_S if self.out else self.timeout())
            if got is not None and got.si_signo == signal.SIGCHLD:
                self.reap()
                continue
            self.read()
            self.tick()
            if self.out:
                self.flush()

    def end_all(self):
        """The agent is gone or we are: nothing of the job may outlive us."""
        self.queue.clear()
        until = monotonic() + SHUTDOWN_S
        if self.job is not None and self.job.status is None:
            signal_group(self.job.pid, signal.SIGKILL)
        pause = 0.002
        while monotonic() < until:
            try:
                while os.waitpid(-1, WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            # The group has a moment to die before anything is looked for below it.
            if pause > 0.002:
                signal_tree(signal.SIGKILL)
            signal.sigtimedwait((signal.SIGCHLD,), pause * 10)
            pause = min(0.01, pause * 2)

