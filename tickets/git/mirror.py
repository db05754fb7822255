"""The bare mirror of a repository in OMOI_HOME: fetched by one process at a time, whole at every moment.

Nothing is ever checked out. What a crash leaves behind is cleared by the next fetch.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from agents.executors.removal import remove
from tickets.git.address import RepositoryAddress
from tickets.git.command import Bounds, Git
from tickets.git.faults import Busy, FetchFailed
from tickets.git.fetch_faults import fault_of, too_large
from tickets.git.transport import transport
from tickets.git.unchanged import clear, unchanged_on_failure

SECONDS = 10.0  # for a fetch that somebody waits for
LOOK_S = 0.05  # how often to look whether another process has finished its fetch
BRANCHES = "+refs/heads/*:refs/heads/*"
FETCH = (
    *("fetch", "--quiet", "--no-progress", "--prune", "--force", "--no-tags", "--no-write-fetch-head"),
    *("--no-auto-maintenance", "--no-recurse-submodules"),
)
AT_ONCE = 3  # fetches in one process
BLOCK = 4096  # bytes that even the smallest file takes on a disk

log = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Mirror:
    """folder: where it is, whether it exists yet or not."""

    folder: Path

    @classmethod
    def of(cls, number: int, address: str) -> Mirror:
        """The mirror of the repository with this number and address: with another address it is another, so
        nothing of the former one is ever read.
        """
        digest = hashlib.sha256(address.encode()).hexdigest()[:16]
        return cls(room() / f"{number}-{digest}.git")

    @property
    def exists(self) -> bool:
        return (self.folder / "fetched").exists()

    @property
    def git(self) -> Git:
        return Git(self.folder)

    @property
    def size(self) -> int:
        """Its bytes on disk, in whole blocks: each branch has a file."""
        blocks = 0
        for folder, _, names in os.walk(self.folder):
            blocks += 1
            for name in names:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # git renames them meanwhile
                    blocks += -(-os.lstat(os.path.join(folder, name)).st_size // BLOCK)
        return blocks * BLOCK

    @property
    def too_large(self) -> bool:
        return self.size > settings.REPOSITORY_BYTES

    def fetch(self, address: RepositoryAddress, *, seconds: float = SECONDS) -> None:
        """Bring all branches as they are now. Returns at once when another process began to do that after it
        was asked here. Raises FetchFailed or BadAddress; then the mirror is as before.
        """
        until, asked = time.monotonic() + seconds, time.time_ns()
        with _slot(seconds - SECONDS), self._alone(until) as lock:
            if self._began > asked:
                return
            self._make()
            clear(self.folder)
            began = time.time_ns()
            try:
                with unchanged_on_failure(self.folder):
                    self._fetch(address, until, lock)
                (self.folder / "fetched").touch()
                os.utime(self.folder / "fetched", ns=(began, began))
            finally:
                if not self.exists:
                    self._remove()

    @property
    def packs(self) -> int:
        """Each fetch that brings something adds one."""
        return len(list(self.folder.glob("objects/pack/*.pack")))

    def compact(self, *, seconds: float) -> None:
        """Bring its packs together, without the commits that no branch has any more. A crash loses nothing:
        git removes the old ones last.
        """
        with self._alone(time.monotonic() + seconds) as lock:
            clear(self.folder)
            bounds = Bounds(seconds, descriptors=[lock])
            ended = self.git.run("repack", "-a", "-d", "--quiet", "--window-memory=64m", bounds=bounds)
            if ended.status:
                log.warning(
                    "the mirror %s could not be compacted: %s", self.folder.name, ended.output.strip()
                )

    def remove(self) -> None:
        """Remove it, unless it is being fetched: whoever does that removes it then. Its lock stays, since
        somebody may wait for it.
        """
        with contextlib.suppress(Busy), self._alone(time.monotonic()):
            self._remove()

    def _remove(self) -> None:
        """Under another name first: a crash leaves none that is half removed."""
        remove(self._scratch)
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(self._scratch)
        remove(self._scratch)

    @property
    def _scratch(self) -> Path:
        return self.folder.with_suffix(".new")

    @property
    def _lock(self) -> Path:
        return self.folder.with_suffix(".lock")

    @property
    def _began(self) -> int:
        """When the last fetch began that brought everything; 0 if there was none."""
        try:
            return (self.folder / "fetched").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    @contextlib.contextmanager
    def _alone(self, until: float) -> Iterator[int]:
        """The descriptor of its lock, held. Git inherits it: should this process die, the next fetch waits
        for the end of that git.
        """
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Busy from None
                    time.sleep(LOOK_S)
            yield lock
        finally:
            os.close(lock)

    def _make(self) -> None:
        """An empty one, made under another name first: a crash leaves none that is half made."""
        if (self.folder / "HEAD").exists():
            return
        self._remove()
        words = ("init", "--quiet", "--bare", "--template=", str(self._scratch))
        ended = Git(self._scratch).run(*words, bounds=Bounds(SECONDS))
        if ended.status:
            raise FetchFailed("git", f"git cannot make a repository: {ended.output.strip()}", "Run doctor.")
        self._scratch.rename(self.folder)

    def _fetch(self, address: RepositoryAddress, until: float, lock: int) -> None:
        """The kernel bounds each file exactly. All of them together are looked at while git runs."""
        seconds, left = until - time.monotonic(), settings.REPOSITORY_BYTES - self.size
        if left <= 0:
            raise too_large()
        bounds = Bounds(seconds, file_bytes=left, descriptors=[lock], exceeded=lambda: self.too_large)
        with transport(address) as way:
            git = Git(self.folder, way.settings, way.environment)
            ended = git.run(*FETCH, *way.options, "--", address.text, BRANCHES, bounds=bounds)
        if self.too_large:
            raise too_large()
        if ended.status:
            raise fault_of(ended, seconds)


@contextlib.contextmanager
def _slot(seconds: float) -> Iterator[None]:
    """One of the few fetches of this process at a time: slow repositories must not take all its threads.
    Raises Busy when there is none within so many seconds.
    """
    if not _slots.acquire(timeout=max(0.0, seconds)):
        raise Busy
    try:
        yield
    finally:
        _slots.release()


def forget_others(kept: Collection[str]) -> int:
    """Remove mirrors that nobody has used for an hour, except those with these names; returns how many. They
    are of repositories that were removed while another machine or a fetch had them.
    """
    ended = time.time() - 3600
    unused = {
        path.with_suffix(".git")
        for path in room().iterdir()
        if path.is_dir() and path.stat().st_mtime < ended
    }
    others = [folder for folder in unused if folder.name not in kept]
    for folder in others:
        Mirror(folder).remove()
    return len(others)


def room() -> Path:
    """The folder of all mirrors. Only this account can enter it."""
    folder = Path(settings.OMOI_HOME) / "mirrors"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
