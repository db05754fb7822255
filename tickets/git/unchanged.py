"""A fetch that fails leaves a mirror as it was, with the same branches and the same packs.

Git writes packs first and branches last. One that is ended between leaves packs that no branch needs, or some
of the branches.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from agents.executors.removal import remove
from tickets.git.command import Bounds, Git
from tickets.git.faults import FetchFailed

SECONDS = 10.0
BEFORE = "packed-refs.before"
# No branch is named like these.
LEFT_BY_A_CRASH = ("**/*.lock", "objects/**/tmp_*", "objects/pack/.tmp-*", BEFORE)


@contextlib.contextmanager
def unchanged_on_failure(folder: Path) -> Iterator[None]:
    """Undo what the block fetches into this mirror if it raises."""
    _keep_branches(folder)
    packs = set(_packs(folder))
    try:
        yield
    except BaseException:
        _restore_branches(folder)  # first: they need only the packs that stay
        for path in set(_packs(folder)) - packs:
            path.unlink(missing_ok=True)
        clear(folder)
        raise
    (folder / BEFORE).unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove what a git that was killed has left: locks of branches, and halves of packs."""
    for pattern in LEFT_BY_A_CRASH:
        for path in folder.glob(pattern):
            remove(path)


def _packs(folder: Path) -> Iterator[Path]:
    return folder.glob("objects/pack/*")


def _keep_branches(folder: Path) -> None:
    """Bring them into one file, which git replaces and never changes, and keep that under a second name."""
    ended = Git(folder).run("pack-refs", "--all", "--prune", bounds=Bounds(SECONDS))
    if ended.status:
        raise FetchFailed("git", f"git cannot read the mirror: {ended.output.strip()}", "Run doctor.")
    with contextlib.suppress(FileNotFoundError):  # it has no branch yet
        os.link(folder / "packed-refs", folder / BEFORE)


def _restore_branches(folder: Path) -> None:
    if (folder / BEFORE).exists():
        (folder / BEFORE).rename(folder / "packed-refs")
    else:
        (folder / "packed-refs").unlink(missing_ok=True)
    remove(folder / "refs" / "heads")
    (folder / "refs" / "heads").mkdir()
