"""Real repositories for the tests: what a team would push to, and what a hostile one would serve."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "ada"), ("EMAIL", "ada@example.com"), ("DATE", "2026-11-29T07:00:00Z"))
}


class Origin:
    """A bare repository in a folder that every user of this machine can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder))

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *words: str, stdin: bytes = b"", **environment: str) -> str:
        done = subprocess.run(
            ["git", *words],
            input=stdin,
            capture_output=True,
            env={**os.environ, **WHO, "GIT_DIR": str(self.folder), **environment},
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)

    def tree(self, *lines: str) -> str:
        """A tree from lines as `git ls-tree` shows them."""
        text = "".join(f"{line}\n" for line in lines)
        return self.git("mktree", "--missing", stdin=text.encode())

    def commit(self, files: dict[str, str] | None = None, *, branch: str = "main", tree: str = "") -> str:
        """A commit on top of the branch with these files alone."""
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            for path, content in (files or {}).items():
                entry = f"100644,{self.blob(content.encode())},{path}"
                self.git("update-index", "--add", "--cacheinfo", entry, **index)
            tree = tree or self.git("write-tree", **index)
        parent = self.tip(branch)
        words = ["commit-tree", tree, "-m", "Change it", *(["-p", parent] if parent else [])]
        commit = self.git(*words)
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def tip(self, branch: str) -> str:
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")


@contextmanager
def origin(name: str = "shop.git") -> Iterator[Origin]:
    base = Path(tempfile.mkdtemp(prefix="origin-", dir="/tmp"))
    base.chmod(0o755)
    try:
        yield Origin(base / name)
    finally:
        shutil.rmtree(base, ignore_errors=True)
