"""`manage.py up` as a user runs it: a process of its own, in an OMOI_HOME of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omoi_site.setup import paths
from tests.support import ROOT, children, ready_home
from tests.support.cluster import RUN
from tests.support.wait import until

CODE = (
    "manage.py",
    "requirements.txt",
    "omoi_site",
    "agents",
    "tickets",
    "collaboration",
    "templates",
    "static",
)


def copy_code(to: Path) -> Path:
    """A copy of the code in `to`, compiled as it is here, with the packages of this Python."""
    to.mkdir(parents=True)
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name)
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, to / name)
    (to / ".venv").symlink_to(Path(sys.prefix))
    return to


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Up:
    """One run of `up`; `said` is what it has printed."""

    def __init__(
        self,
        home: Path,
        *args: str,
        paper: str = "said",
        root: Path = ROOT,
        python: str = sys.executable,
        env: Any = None,
        command: str = "up",
        **options: Any,
    ) -> None:
        self.home = home
        self.paper = home.with_name(f"{home.name}.{paper}")
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"OMOI_HOME": str(home), **(env or {})}
        words = [python, str(root / "manage.py"), command, "--no-open", *(args or ("--port=0",))]
        with self.paper.open("ab") as paper:
            self.process = children.start(
                words,
                stdin=subprocess.DEVNULL,
                stdout=paper,
                stderr=subprocess.STDOUT,
                env=environment,
                **options,
            )

    @property
    def said(self) -> str:
        return self.paper.read_text()

    @property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "server.json").read_text()))

    def ready(self) -> Up:
        # the first start migrates, which takes a while on a busy machine
        until(lambda: "Sign in, once" in self.said or self.ended(), 170)
        assert not self.ended(), self.said
        return self

    def ended(self) -> bool:
        return self.process.poll() is not None

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.facts["url"] + path, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What another command says to this server's OMOI_HOME."""
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
            "OMOI_HOME": str(self.home)
        }
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=170,
        )

    def postmaster(self) -> int:
        return int((paths.data_folder(self.home) / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        if not self.ended():
            self.process.send_signal(by)
        return self.process.wait(60)


@contextlib.contextmanager
def short_home(prefix: str = "omoi-up-", folder: str | None = None, *, ready: bool = False) -> Iterator[Path]:
    """A folder for an OMOI_HOME, gone afterwards with what lay elsewhere for it. ready: with a database whose
    migrations are done.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder or RUN) as made:
        os.chmod(made, 0o711)
        home = Path(made) / "home"
        try:
            if ready:
                ready_home.copy_to(home, RUN)
            yield home
        finally:
            for elsewhere in (paths.socket_folder(home), paths.data_folder(home)):
                shutil.rmtree(elsewhere, ignore_errors=True)
