"""What a job may use, by profile, and the words in which a task's error tells of it."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import asdict, dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Of a whole job, except `open_files` of each process and `file_mb` of each file. Threads count as
    processes.
    """

    processes: int = 512
    memory_mb: int = 4096
    cpu_s: int = 7200
    open_files: int = 1024
    file_mb: int = 1024
    disk_mb: int = 4096
    output_mb: int = 128

    def watched(self) -> dict[str, float]:
        """What the supervisor watches."""
        return {
            "processes": self.processes,
            "memory": self.memory_mb * MIB,
            "cpu": self.cpu_s,
            "disk": self.disk_mb * MIB,
        }

    @property
    def most_processes(self) -> int:
        """Where the kernel refuses more: so far beyond the limit that the supervisor acts first."""
        return 4 * self.processes + 200

    def rlimits(self, *, processes: int = 0) -> dict[str, int]:
        """What the kernel holds for each process; `processes` as well where its user has no others."""
        limits = {
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_FSIZE": self.file_mb * MIB,
            "RLIMIT_CPU": self.cpu_s + 1,
            "RLIMIT_CORE": 0,
        }
        return limits | ({"RLIMIT_NPROC": processes} if processes else {})

    def sentence(self, name: str) -> str:
        """How a task's error tells that this limit was exceeded."""
        return f"limit_{name}: {SENTENCES[name].format(**asdict(self))}; its profile sets this limit"

    @staticmethod
    def guess(code: int, said: str) -> str:
        """The limit of the kernel that a failed job most likely met, by its end and its last words."""
        for number in (-code, code - 128):  # of the job's own end, or as its shell tells of a child's
            if number in BY_SIGNAL:
                return BY_SIGNAL[number]
        last = said.lower()
        return next((name for words, name in BY_WORDS.items() if code and words in last), "")


SENTENCES = {
    "processes": "it had more than {processes} processes and threads",
    "memory": "it used more than {memory_mb} MiB of memory",
    "cpu": "it used more than {cpu_s} s of CPU time",
    "open_files": "it opened more than {open_files} files at a time in one process",
    "file_size": "it wrote a file of more than {file_mb} MiB",
    "disk": "it kept more than {disk_mb} MiB of files",
    "output": "it wrote more than {output_mb} MiB of output",
}
BY_SIGNAL: dict[int, str] = {signal.SIGXFSZ: "file_size", signal.SIGXCPU: "cpu"}
BY_WORDS = {  # the job's language is C: the kernel's own sentences
    os.strerror(errno.EAGAIN).lower(): "processes",
    "cannot fork": "processes",
    os.strerror(errno.EMFILE).lower(): "open_files",
    os.strerror(errno.EFBIG).lower(): "file_size",
}
