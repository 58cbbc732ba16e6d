"""nursery.py: makes the helpers (helper.py) of an agent by forking itself.

Why: a python that starts costs tens of milliseconds and megabytes; one forked from a warm one costs a tenth of both, and
a node has up to 1,024. Each helper is a process of its own, in a session of its own, and has a connection of its own to
the agent: one that dies takes no other along, nor does the death of the nursery.

Who calls it: nursery.ts, as `python3 -I -S nursery.py SOCKET`, JSON lines on stdin and stdout; SOCKET is where helpers reach
the agent. Strings are latin1, each character one byte.
  first line  {"env": "A=1\\0B=2", "add": {..}, "oom": file}    the base environment of jobs as /proc/PID/environ has it, ours
              on top, and the file in which the kernel counts what it killed for want of memory ("": none)
  {"fork": ID}  a helper, which says {"hello": ID, "pid": PID} at SOCKET; BALSAM_HELPER=ID is in the environment of its jobs
  {"kill": ID}  SIGKILL, where it still lives
It says {"gone": ID} of each that has ended, {"unforked": ID, "why": text} of one that could not be forked.

What it must never do: start a job. At end of file (the agent is gone) it wakes its helpers, waits for their end, and goes.
Standard library of 3.8 only.
"""
import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # -I leaves it out
from helper import HURRY, SHUTDOWN_S, AgentGone, Helper, monotonic

READ = 1 << 18
# A blocked SIGCHLD stays pending even where its default is to be ignored; the same set is blocked in every helper.
# So are those by which a batch system warns every process of a step: the agent hears them too, and decides.
WARNINGS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
QUIET = (signal.SIGCHLD, HURRY, signal.SIGPIPE) + WARNINGS
OOM_SCORE = 500  # inherited by helpers and jobs: they go before the agent
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
PARENT_DIED = 1  # PR_SET_PDEATHSIG
NAME = 15  # PR_SET_NAME: what `ps` and `pkill` know a process by


class Nursery:
    def __init__(self, commands, events, path, prctl):
        self.commands = commands
        self.events = events
        self.path = path
        self.prctl = prctl
        self.children = {}
        self.base = None
        self.oom = ""
        self.wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def tell(self, what):
        data = (json.dumps(what) + "\n").encode("ascii")
        try:
            while data:
                data = data[os.write(self.events, data):]
        except (BrokenPipeError, ConnectionError):
            raise AgentGone()

    def request(self, r):
        if "fork" in r:
            self.fork(r["fork"])
        elif "kill" in r:
            for pid, ident in self.children.items():
                if ident == r["kill"]:
                    os.kill(pid, signal.SIGKILL)  # not reaped: its number is its own
        else:
            base = {}
            for entry in r["env"].encode("latin1").split(b"\0"):
                cut = entry.find(b"=", 1)
                if cut > 0:
                    base.setdefault(entry[:cut], entry[cut + 1:])  # of two equal names getenv sees the first
            for name, value in r["add"].items():
                base[name.encode("latin1")] = value.encode("latin1")
            self.base = base
            self.oom = r["oom"]
            gc.collect()
            gc.freeze()

    def fork(self, ident):
        signal.pthread_sigmask(signal.SIG_BLOCK, QUIET)
        pid, why = -1, ""
        try:
            pid = os.fork()
        except OSError as e:
            why = "fork: " + e.strerror
        if pid == 0:
            self.be_helper(ident)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        if pid < 0:
            self.tell({"unforked": ident, "why": why})
        else:
            self.children[pid] = ident

    def be_helper(self, ident):
        """Never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            self.prctl(SUBREAPER, 1, 0, 0, 0)  # not inherited by a fork
            self.prctl(PARENT_DIED, int(HURRY), 0, 0, 0)
            self.prctl(NAME, b"balsam-helper", 0, 0, 0)
            for fd in (self.commands, self.events) + self.wake:
                os.close(fd)
            self.base[b"BALSAM_HELPER"] = ident.encode("ascii")
            agent = socket(AF_UNIX, SOCK_STREAM)
            agent.connect(self.path)
            agent.sendall(b'{"hello":"%s","pid":%d}\n' % (ident.encode("ascii"), os.getpid()))
            helper = Helper(agent, self.base, self.oom)
            try:
                helper.run()
            except AgentGone:
                code = 0
            finally:
                helper.end_all()
        except OSError as e:  # no file more, or the agent does not listen any more: who waits for the hello is told of our end
            os.write(2, ("a helper could not begin: %s\n" % e).encode())
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def reap(self):
        while True:
            try:
                pid = os.waitpid(-1, os.WNOHANG)[0]
            except ChildProcessError:
                return
            if pid == 0:
                return
            ident = self.children.pop(pid, None)  # others are what a dead helper left: found by its marker
            if ident is not None:
                self.tell({"gone": ident})

    def run(self):
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake[1], warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        poll = select.poll()
        poll.register(self.commands, select.POLLIN)
        poll.register(self.wake[0], select.POLLIN)
        rest = b""
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self.wake[0] in ready:
                try:
                    os.read(self.wake[0], READ)
                except BlockingIOError:
                    pass
                self.reap()
            if self.commands in ready:
                data = os.read(self.commands, READ)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.request(json.loads(line.decode("latin1")))

    def end_all(self):
        """The agent is gone: helpers read end of file, and end what they run."""
        until = monotonic() + SHUTDOWN_S + 1
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
        while self.children and monotonic() < until:
            for pid in self.children:
                try:
                    os.kill(pid, HURRY)
                except OSError:
                    pass
            signal.sigtimedwait((signal.SIGCHLD,), 0.1)
            try:
                self.reap()
            except AgentGone:
                pass


def restore_open_files():
    """Node has raised the soft limit of open files; jobs have that of the launcher's shell. We need few ourselves."""
    soft = os.environ.get("BALSAM_ENTRY_NOFILE", "")
    if not soft.isdigit():
        return  # not known, or unlimited, which is what Node has made of it
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(soft), hard))
    except (OSError, ValueError):
        pass


def main():
    # Jobs must find every signal at its default, so we ignore none.
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, QUIET)
    prctl = ctypes.CDLL(None).prctl
    prctl(NAME, b"balsam-nursery", 0, 0, 0)
    prctl(SUBREAPER, 1, 0, 0, 0)  # what a dead helper leaves comes to us: so the guard finds it below us
    try:
        with open("/proc/self/oom_score_adj", "r+") as f:
            if int(f.read()) < OOM_SCORE:
                f.write(str(OOM_SCORE))
    except OSError:
        pass
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd > 2:
            try:
                os.close(fd)  # what came from whoever started the agent is not for jobs (locks, ends of pipes)
            except OSError:
                pass
    commands, events = os.dup(0), os.dup(1)  # not inherited by what is executed
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)  # jobs inherit it: their stdin costs nothing
    os.dup2(null, 1)
    os.close(null)
    restore_open_files()
    gc.disable()  # nothing here makes cycles
    nursery = Nursery(commands, events, sys.argv[1], prctl)
    try:
        nursery.run()
    except (AgentGone, ConnectionError):
        pass
    finally:
        nursery.end_all()


main()
