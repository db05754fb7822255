"""What a job and its descendants use: processes, memory, CPU time and room on the disk; and which files they
write."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator

from agents.executors.supervisor import linux

FIRST_S, CALM_S, CLOSE_S = 0.03, 0.1, 0.02  # until the next look: at first; far from a limit; close to one
DISK_S = 0.3  # between two looks at the files
WRITES_S = 1.0  # between two looks at what was written
ENTRIES = 500  # looked at in a row: then it is time for the processes again
TOO_MUCH = 1 << 62  # bytes: more than any limit
COUNT_S = 2.0  # in which a folder with closed parts must have been counted
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Looks now and then, at `due`; more often when a limit is close.

    limits: by name, `processes` (threads count), `memory` and `disk` in bytes, `cpu` in seconds. number: of
    the present job, where one process carries out several; CPU time counts from the first look at each.
    """

    def __init__(
        self, leader: int, limits: dict[str, float], folder: str, number: Callable[[], bytes]
    ) -> None:
        self.leader, self.limits, self.folder, self.number = leader, limits, folder, number
        self.watched, self.cpu_before = number(), 0.0
        self.due = time.monotonic() + FIRST_S
        self.files: Iterator[tuple[int, int]] = iter(())
        self.files_due = self.due
        self.bytes_so_far, self.times_so_far = 0, 0
        self.seen = ""  # of all files, at the last look
        self.writes_due = self.due + WRITES_S
        self.writes = ""

    def exceeded(self) -> str:
        """The name of a limit that was exceeded; empty when none was, or when it is not yet time to look."""
        if time.monotonic() < self.due:
            return ""
        pids = list(linux.descendants(os.getpid())) or [self.leader]
        used = processes_use(pids)
        used["disk"] = self.disk(pids)
        if (number := self.number()) != self.watched:
            self.watched, self.cpu_before = number, used["cpu"]
        used["cpu"] -= self.cpu_before
        if used["memory"] > self.limits["memory"]:
            used["memory"] = proportional(pids)  # what several share was counted for each
        shares = {name: used[name] / limit for name, limit in self.limits.items()}
        self.due = time.monotonic() + (CLOSE_S if max(shares.values()) > 0.3 else CALM_S)
        return next((name for name, share in shares.items() if share > 1), "")

    def disk(self, pids: list[int]) -> int:
        """What it keeps in files, looked at in pieces: the sum so far, which only grows until a new look."""
        for _ in range(ENTRIES):
            found = next(self.files, None)
            if found is None:
                if time.monotonic() >= self.files_due:
                    self.files_due = time.monotonic() + DISK_S
                    self.files = files(self.folder, pids)
                    self.seen = f"{self.bytes_so_far},{self.times_so_far}"
                    self.bytes_so_far, self.times_so_far = 0, 0
                break
            self.bytes_so_far += found[0]
            self.times_so_far += found[1]
        return self.bytes_so_far

    def new_writes(self) -> str:
        """Another word whenever its files have changed or it has written to others; empty when nothing is
        new, or when it is not yet time to look.
        """
        if time.monotonic() < self.writes_due:
            return ""
        self.writes_due = time.monotonic() + WRITES_S
        before, self.writes = self.writes, f"{self.seen},{written(linux.descendants(os.getpid()))}"
        return self.writes if self.writes != before else ""


def processes_use(pids: list[int]) -> dict[str, float]:
    """Of these and of their children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {"processes": 0.0, "memory": 0.0, "cpu": ended.ru_utime + ended.ru_stime}
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
            used["cpu"] += sum(map(int, words[11:15])) / TICKS
            used["processes"] += int(words[17])
            used["memory"] += int(words[21]) * PAGE
    return used


def proportional(pids: list[int]) -> int:
    """Memory in bytes, of which what several share counts once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    return total


def written(pids: Iterable[int]) -> int:
    """Bytes that these processes and their children have written to files of a disk, wherever those are."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/io") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("write_bytes:"))
    return total


def files(folder: str, pids: list[int]) -> Iterator[tuple[int, int]]:
    """The bytes of each file in `folder`, and of each that is open there and has no name any more; and when
    it was changed last.
    """
    folders, seen = [folder], 0
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except PermissionError:
            yield size_of_closed(folder) - seen, 0
            break
        except OSError as error:
            yield unseen(error), 0
            continue
        with contextlib.suppress(OSError), entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    found = of_file(entry.stat(follow_symlinks=False))
                except OSError as error:
                    found = unseen(error), 0
                seen += found[0]
                yield found
    unnamed: set[tuple[int, int]] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    file = os.stat(f"/proc/{pid}/fd/{fd}")
                    key = (file.st_dev, file.st_ino)
                    if stat.S_ISREG(file.st_mode) and file.st_nlink == 0 and key not in unnamed:
                        unnamed.add(key)
                        yield of_file(file)


def of_file(status: os.stat_result) -> tuple[int, int]:
    return status.st_blocks * 512, status.st_mtime_ns


def size_of_closed(folder: str) -> int:
    """The bytes in a folder of ours of which the job closed a part to us; 0 where this cannot be found out.

    In a user namespace of its own a process may read all that belongs to its user.
    """
    words = ["unshare", "--user", "--map-root-user", "du", "--summarize", "--block-size=1", "--", folder]
    try:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                text = process.communicate(timeout=COUNT_S)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                return TOO_MUCH
    except OSError:
        return 0
    return int(text.split()[0]) if text.strip() else 0


def unseen(error: OSError) -> int:
    """What is there that cannot be looked at: nothing when it is gone, too much when its path is too long."""
    return TOO_MUCH if error.errno == errno.ENAMETOOLONG else 0
