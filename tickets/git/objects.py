"""What is read from a mirror: commits by their hash, and files in the tree of a commit. Never from a folder
that somebody checked out, and never by a name that a branch could take.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tickets.git.command import Bounds, Git, Running
from tickets.git.faults import Unreadable

HASH = re.compile(r"\A[0-9a-f]{7,40}\Z")
HASH_BYTES = 20
FILE, PROGRAM, FOLDER, LINK, MODULE = b"100644", b"100755", b"40000", b"120000", b"160000"
MOST_TREE = 16 << 20  # bytes of one folder's list
MOST_FILE = 10 << 20
MOST_PATH = 4_096


@dataclass(frozen=True)
class Entry:
    """What is at a path: its mode as git writes it, and the hash of its content."""

    mode: bytes
    hash: str

    @property
    def is_file(self) -> bool:
        return self.mode in (FILE, PROGRAM, b"100664")

    @property
    def kind(self) -> str:
        names = {FOLDER: "a folder", LINK: "a symbolic link", MODULE: "a submodule"}
        return names.get(self.mode, "not an ordinary file")


class TooLarge(Exception):
    """The file is larger than what checks read; `size` in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Objects:
    """The objects of a mirror, from one git that answers questions until its time is up."""

    def __init__(self, git: Running) -> None:
        self._questions, self._answers = git.stdin, git.stdout

    def kind(self, hash: str) -> str:
        """commit, tree, blob or tag; empty if there is no such object."""
        return self._asked("info", hash)[0]

    def at(self, commit: str, path: str) -> Entry | None:
        """What the commit has at this path; None if there is nothing. Links on the way are not followed."""
        header = self._content(commit, "commit", MOST_TREE).split(b"\n", 1)[0]
        found = Entry(FOLDER, header.removeprefix(b"tree ").decode("ascii"))
        for name in path.split("/"):
            if found.mode != FOLDER:
                return None
            inside = _entry(self._content(found.hash, "tree", MOST_TREE), name.encode())
            if inside is None:
                return None
            found = inside
        return found

    def file(self, entry: Entry) -> bytes:
        """The content of a file. Raises TooLarge."""
        _, size = self._asked("info", entry.hash)
        if size > MOST_FILE:
            raise TooLarge(size)
        return self._content(entry.hash, "blob", MOST_FILE)

    def _content(self, hash: str, kind: str, most: int) -> bytes:
        real, size = self._asked("info", hash)
        if real != kind or size > most:
            raise Unreadable(f"{hash[:12]} is no {kind} that Omoi reads")
        self._asked("contents", hash)
        content = self._answers.read(size + 1)
        if len(content) != size + 1:
            raise _late()
        return content[:-1]

    def _asked(self, question: str, hash: str) -> tuple[str, int]:
        """The kind and size of an object; empty and 0 if there is none."""
        try:
            self._questions.write(f"{question} {hash}\n".encode())
            self._questions.flush()
        except OSError:
            raise _late() from None
        words = self._answers.readline(1000).split()
        if len(words) == 2 and words[1] in (b"missing", b"ambiguous"):
            return "", 0
        if len(words) != 3:
            raise _late()
        return words[1].decode(), int(words[2])


@contextlib.contextmanager
def objects(git: Git, *, seconds: float) -> Iterator[Objects]:
    with git.running("cat-file", "--batch-command", bounds=Bounds(seconds)) as running:
        yield Objects(running)


def commit_of(git: Git, name: str, *, seconds: float) -> str:
    """The whole hash of the commit whose hash begins so; empty if there is none, or more than one.

    A branch or tag of that name does not count, nor does an object that is no commit.
    """
    if not HASH.match(name):
        return ""
    status, output = git.ask("rev-parse", f"--disambiguate={name}", bounds=Bounds(seconds))
    if status:
        return ""
    with objects(git, seconds=seconds) as found:
        commits = [hash for hash in output.decode().split() if found.kind(hash) == "commit"]
    return commits[0] if len(commits) == 1 else ""


def is_on(git: Git, commit: str, branch: str, *, seconds: float) -> bool | None:
    """Whether the branch has the commit; None if there is no such branch."""
    reference = f"refs/heads/{branch}"
    status, _ = git.ask("show-ref", "--verify", "--quiet", "--", reference, bounds=Bounds(seconds))
    if status:
        return None
    words = ("merge-base", "--is-ancestor", commit, reference)
    status, _ = git.ask(*words, bounds=Bounds(seconds))
    if status not in (0, 1):
        raise Unreadable(f"git could not compare {commit[:12]} with the branch {branch}")
    return status == 0


def path_fault(path: str) -> str:
    """Why this is no path in a repository; empty if it is one."""
    if not path or len(path) > MOST_PATH:
        return f"a path has 1 to {MOST_PATH} characters"
    if path.startswith("/") or path.endswith("/"):
        return "a path begins at the top of the repository, and has no / at its start or end"
    if any(name in ("", ".", "..") for name in path.split("/")) or "\0" in path:
        return "a path must not contain parts such as . or .."
    return ""


def _entry(tree: bytes, name: bytes) -> Entry | None:
    """The entry of this name in a tree as git stores it. Raises Unreadable if the tree is malformed."""
    at, found = 0, None
    while at < len(tree):
        end = tree.find(b"\0", at)
        mode, _, called = tree[at:end].partition(b" ")
        after = end + 1 + HASH_BYTES
        if end < 0 or not called or after > len(tree):
            raise Unreadable("a folder in this commit is malformed")
        if called == name:
            if found is not None:
                raise Unreadable(f"a folder in this commit has {name.decode('utf-8', 'replace')} twice")
            found = Entry(mode, tree[end + 1 : after].hex())
        at = after
    return found


def _late() -> Unreadable:
    return Unreadable("git did not read the repository in time")
