"""guard.py: ends everything an agent has started when the agent's lease is over or the agent is gone.

Why a process of its own: an agent that hangs, is stopped or gets KILL cannot end its jobs, and a job that outlives
its lease may run twice. Who calls it: guard.ts, as `python3 -I -S guard.py NAME VALUE AGENT_PID`; NAME=VALUE is the
marker in the environment of helpers and jobs. guard-node.ts is its twin. Lines on stdin:
  lease MS           CLOCK_MONOTONIC, ms, at which everything must die (the newest line counts)
  helper PID START   a helper, with its start time from /proc/PID/stat;  gone PID: it ended
What it must never do: start anything, touch a file outside /proc, kill itself, the agent, or a process that neither
descends from a helper, nor is in a session of such a one, nor carries the exact marker.
Standard library of 3.8 only.
"""
import os
import select
import signal
import sys
import time

FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 1.0  # between looks for what survives its KILL (stuck in the kernel); we stay until it is gone
CLEAN_LOOKS = 2  # one clean look is no proof: a fork may have slipped past the cursor


def read(path):
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        parts = []
        while True:
            data = os.read(fd, 1 << 16)
            if not data:
                return b"".join(parts)
            parts.append(data)
    except OSError:
        return b""
    finally:
        os.close(fd)


def stat(pid):
    """(state, parent, session, start time) or None."""
    text = read("/proc/%d/stat" % pid)
    if not text:
        return None
    f = text[text.rindex(b")") + 2:].split()
    return f[0], int(f[1]), int(f[3]), int(f[19])


def processes():
    """{pid: stat} of what lives; zombies are dead."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            s = stat(int(name))
            if s is not None and s[0] not in (b"Z", b"X"):
                found[int(name)] = s
    return found


def send(pid, sig):
    try:
        os.kill(pid, sig)
    except OSError:
        pass


class Guard:
    def __init__(self, marker, agent):
        self.marker = marker
        self.spare = {1, os.getpid(), agent}
        self.helpers = {}
        self.lease = None
        self.buffer = b""

    def take(self, data):
        lines = (self.buffer + data).split(b"\n")
        self.buffer = lines.pop()
        for line in lines:
            word = line.split()
            if word[0] == b"lease":
                self.lease = float(word[1])
            elif word[0] == b"helper":
                self.helpers[int(word[1])] = int(word[2])
            elif word[0] == b"gone":
                self.helpers.pop(int(word[1]), None)

    def watch(self):
        """Returns why everything must end."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        while True:
            left = None if self.lease is None else self.lease - time.monotonic() * 1000
            # Even when time is over what already lies in the pipe is read first: we may be late ourselves.
            if poll.poll(left if left is None else max(0, left)):
                data = os.read(0, 65536)
                if not data:
                    return "eof"
                self.take(data)
            elif self.lease is not None and time.monotonic() * 1000 >= self.lease:
                return "lease"

    def end(self):
        """Ends helpers, their descendants and sessions, then all with the marker; returns how many there were."""
        helpers = [pid for pid, start in self.helpers.items() if (stat(pid) or (0, 0, 0, -1))[3] == start]
        for pid in helpers:
            send(pid, signal.SIGSTOP)  # so that they start and reap nothing while we look
        now = processes()
        kids = {}
        for pid, s in now.items():
            kids.setdefault(s[1], []).append(pid)
        tree, todo = [], list(helpers)
        while todo:
            for pid in kids.get(todo.pop(), ()):
                tree.append(pid)
                todo.append(pid)
        sessions = {pid: now[pid][3] for pid in tree if now[pid][2] == pid}
        killed = set()
        for pid in helpers + tree:
            if pid not in self.spare:
                send(pid, signal.SIGKILL)
                killed.add(pid)
        self.sweep(sessions, killed)
        return len(killed)

    def sweep(self, sessions, killed):
        pause, clean = FIRST_PAUSE_S, 0
        while True:
            now = processes()
            found = [pid for pid, s in now.items() if pid not in self.spare and (
                self.in_session(s[2], sessions, now) or self.marked(pid))]
            for pid in found:
                send(pid, signal.SIGKILL)
            killed.update(found)
            clean = 0 if found else clean + 1
            if clean == CLEAN_LOOKS:
                return
            time.sleep(pause)
            pause = min(LONGEST_PAUSE_S, pause * 2)

    def in_session(self, session, sessions, now):
        start = sessions.get(session)
        if start is None:
            return False
        leader = now.get(session)
        return leader is None or leader[3] == start  # else the number was used again by a stranger

    def marked(self, pid):
        return self.marker in b"\0" + read("/proc/%d/environ" % pid)


def main():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGUSR1,
                   signal.SIGUSR2, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the agent with these ends us by end of file
    name, value, agent = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), int(sys.argv[3])
    guard = Guard(b"\0" + name + b"=" + value + b"\0", agent)
    why = guard.watch()
    count = guard.end()
    try:
        os.write(1, b"%s %d\n" % (why.encode(), count))
    except OSError:
        pass


main()
