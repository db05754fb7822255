"""A checkout of the product that runs for a bench: its own OMOI_HOME and embedded server, durable as in
production, and its own processes. All is removed at the end.

Only commands and plain SQL reach it, so that an older commit runs beside the present one.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from bench.ending import undisturbed
from bench.load import Ports
from bench.processes import BenchFailed, Process, answers, listener, output_of
from bench.scratch import scratch
from omoi_site.setup import paths

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("DATABASE_URL", "OMOI_OWNER_URL", "BROKER_URL", "OMOI_HOME", "PYTHONPATH", "OMOI_READY_FD")


class Checkout:
    """The code in `root`, running on its own database."""

    def __init__(self, root: Path = ROOT, **settings: str) -> None:
        self.root = root
        self.folder = contextlib.ExitStack()
        self.home = self.folder.enter_context(scratch())
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in LEFT_OUT},
            "OMOI_HOME": str(self.home),
            "OMOI_LOG_LEVEL": "ERROR",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.processes: list[Process] = []

    def __enter__(self) -> Checkout:
        try:
            server = self.start("postgres")
            server.wait_until(lambda: "PostgreSQL is ready" in server.said(), "PostgreSQL")
            self.run("migrate", "-v0")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self.folder, undisturbed():
            while self.processes:
                self.processes.pop().stop()

    # -- commands and processes

    def run(self, *words: str) -> str:
        """What this command of the checkout prints."""
        return output_of(
            [sys.executable, "manage.py", *words], environment=self.environment, folder=self.root
        )

    def start(self, *words: str, sockets: tuple[socket.socket, ...] = ()) -> Process:
        """One more process of the checkout."""
        log = self.home / f"bench-{words[0]}-{len(self.processes)}.log"
        process = Process(
            [sys.executable, "manage.py", *words],
            log,
            environment=self.environment,
            folder=self.root,
            sockets=sockets,
        )
        self.processes.append(process)
        return process

    def stop(self, *processes: Process) -> None:
        for process in processes:
            process.stop()
            self.processes.remove(process)

    def web(self, count: int) -> tuple[Ports, list[Process]]:
        """So many new web processes, and the port of each: connections are spread evenly over them. They
        answer when this returns.
        """
        ports, started = [], []
        for _ in range(count):
            with listener() as found:
                ports.append(found.getsockname()[1])
                started.append(self.start("web", f"--fd={found.fileno()}", sockets=(found,)))
        for port, process in zip(ports, started, strict=True):
            process.wait_until(partial(answers, port, "/healthz"), "web")
        return tuple(ports), started

    def script(self, file: str, **asked: Any) -> Any:
        """Run a script of this folder with the checkout's code. It is given and prints a JSON document."""
        environment = self.environment | {
            "PYTHONPATH": str(self.root),
            "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
        }
        words = [sys.executable, "-P", ROOT / "bench" / file]
        return json.loads(
            output_of(words, environment=environment, folder=self.root, input=json.dumps(asked))
        )

    # -- its database

    def connect(self, name: str = "omoi") -> psycopg.Connection[Any]:
        """A connection as superuser, which may fill tables past their triggers."""
        return psycopg.connect(**self.login(name), autocommit=True)

    def login(self, name: str = "omoi") -> dict[str, str]:
        return login(self.home, name)

    def programs(self) -> Path:
        """The folder of PostgreSQL's programs."""
        from omoi_site.database.binaries import binaries

        return binaries()


def login(home: Path, name: str) -> dict[str, str]:
    """How the superuser of an embedded server reaches one of its databases."""
    return {
        "host": str(paths.socket_folder(home)),
        "dbname": name,
        "user": "postgres",
        "password": (home / paths.PASSWORD_OF_SUPERUSER).read_text().strip(),
    }


def address(home: Path, name: str) -> str:
    """The same as one text."""
    found = login(home, name)
    user, password, host = (quote(found[part], safe="") for part in ("user", "password", "host"))
    return f"postgresql://{user}:{password}@/{name}?host={host}"


def peer_address(home: Path, name: str) -> str:
    """The address of a new database for a peer, on the same server."""
    with psycopg.connect(**login(home, "postgres"), autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}".encode())
    return address(home, name)


@contextlib.contextmanager
def at_commit(commit: str, folder: Path) -> Iterator[Path]:
    """The product's files as of another commit, in a git worktree below `folder` for the block."""
    place = folder / "against"
    git = ["git", "-C", str(ROOT)]
    done = subprocess.run(
        [*git, "worktree", "add", "--detach", "--quiet", str(place), commit], capture_output=True, text=True
    )
    if done.returncode:
        raise BenchFailed(
            f"{commit} cannot be checked out: {done.stderr.strip()[-300:]}\n"
            "Name a commit of this repository with --against."
        )
    try:
        yield place
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(place)], capture_output=True)
