"""helper_output.py: what helper.py does with the files of a job (helper-output.ts is its twin).

It opens the output of a start, keeps the output of earlier tries, reads the end of an output, and looks why a program
can't be executed. A job had these files in its hands: each may be a fifo, a link, a device or a directory by now.
Nothing here may block on them, follow a link that stands for them, or write over what is there.
"""
import os
import stat

TAIL_BYTES = 4096
TAIL_LINES = 16
NO_SPACE = "[no space is left where this output is written]"  # what the job said of it may have found no space either
NO_FILE = "[its output is no ordinary file any more: the job has put something else there]"
# Outputs of earlier tries that are kept beside the newest: so many, and so many bytes together. The last one is always kept.
KEPT_TRIES = 10
KEPT_BYTES = 1 << 30
NEW_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOCTTY  # O_EXCL follows no link
READ_ONLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW


def open_output(path, attempt):
    """A descriptor of an empty ordinary file at `path`; the output of an earlier attempt becomes PATH.N before."""
    try:
        return os.open(path, NEW_OUTPUT, 0o666)
    except FileExistsError:
        pass
    fd = emptied(path) if attempt <= 1 else None
    if fd is not None:
        return fd
    keep(path, attempt)
    return os.open(path, NEW_OUTPUT, 0o666)


def emptied(path):
    """Where the first attempt finds a file it begins it anew: another job of this name may share the directory."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    os.ftruncate(fd, 0)
    os.set_blocking(fd, True)
    return fd


def keep(path, attempt):
    """Renames what stands at `path`, whatever it is, to the next free PATH.N: N counts the tries whose output is here."""
    number = max(0, attempt - 1)
    while number > 0 and not os.path.lexists(b"%s.%d" % (path, number)):
        number -= 1
    number += 1
    while os.path.lexists(b"%s.%d" % (path, number)):
        number += 1
    os.rename(path, b"%s.%d" % (path, number))
    size = 0
    for old in range(number, max(0, number - 2 * KEPT_TRIES), -1):
        name = b"%s.%d" % (path, old)
        try:
            info = os.lstat(name)
            if not stat.S_ISREG(info.st_mode):
                continue
            size += info.st_size
            if old < number and (old <= number - KEPT_TRIES or size > KEPT_BYTES):
                os.unlink(name)
        except OSError:
            pass  # not there, or not ours to remove


def read_tail(path):
    """Last lines of the output as text that JSON and Postgres accept; None when there is nothing to read."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return NO_FILE
        fd = os.open(path, READ_ONLY)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return NO_FILE
        space = os.fstatvfs(fd)
        full = space.f_bavail == 0 and space.f_blocks > 0
        if not info.st_size:
            return NO_SPACE if full else None
        data = os.pread(fd, TAIL_BYTES, max(0, info.st_size - TAIL_BYTES))
    except OSError:
        return None
    finally:
        os.close(fd)
    text = data.decode("utf-8", "replace").replace("\0", "\ufffd")
    text = "\n".join(text.rstrip("\n").split("\n")[-TAIL_LINES:])
    note = "\n" + NO_SPACE if full else ""
    return text.encode("utf-8")[-(TAIL_BYTES - len(note)):].decode("utf-8", "ignore") + note


def missing_interpreter(path):
    """Why exec finds no such file although `path` is there; None when it is not, or nothing is known."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None
    try:
        head = os.read(fd, 256) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    if head[:2] != b"#!":
        return "it is there, but not the loader that it was linked for" if head[:4] == b"\x7fELF" else None
    line = head[2:].split(b"\n", 1)[0]
    name = line.split(b"\r", 1)[0].strip(b" \t").split(b" ", 1)[0].split(b"\t", 1)[0].decode("utf-8", "replace")
    if line[-1:] == b"\r":
        return ("its first line names an interpreter which is not there: %s with a carriage return behind it "
                "(the file has line ends of Windows, CRLF: `sed -i 's/\\r$//'` mends it)" % name)
    return "its first line names an interpreter which is not there: %s" % name


def killed_for_memory(path):
    """Processes of our memory cgroup that the kernel has killed for want of memory (the line `oom_kill` of `path`)."""
    if not path:
        return 0
    try:
        with open(path, "rb") as f:
            for line in f:
                if line[:9] == b"oom_kill ":
                    return int(line[9:])
    except (OSError, ValueError):
        pass
    return 0
