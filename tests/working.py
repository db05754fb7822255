"""Worker processes for tests, and the profiles they carry out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db.models import F, Func, Value

from agents.models import Project
from omoi_site.database import sql
from tests import cluster
from tickets.models import Task, TaskSpec

ROOT = Path(__file__).parent.parent
QUICK = {"OMOI_WORKER_BEAT_S": "0.3", "OMOI_WORKER_POLL_S": "1"}


class Process:
    """`manage.py worker` as users run it."""

    def __init__(self, name: str = "w1", threads: int = 4, **environment: str) -> None:
        ear, mouth = os.pipe()
        self.log = Path(settings.OMOI_HOME) / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", "--name", name, "--threads", str(threads)],
                cwd=ROOT,
                env={**cluster.environment(), "OMOI_READY_FD": str(mouth), **QUICK, **environment},
                pass_fds=[mouth],
                stdout=log,
                stderr=log,
            )
        os.close(mouth)
        with os.fdopen(ear) as said:
            assert said.read().startswith("ready"), self.log.read_text()

    def last_words(self) -> str:
        return self.log.read_text()[-3000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, patience: float = 20) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)


@contextlib.contextmanager
def working(name: str = "w1", threads: int = 4, **environment: str) -> Iterator[Process]:
    process = Process(name, threads, **environment)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.kill()


def install(name: str, **document: Any) -> str:
    """A profile of this test's own, by default a command whose one slot is a shell's text."""
    folder = Path(settings.OMOI_HOME) / "profiles"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"kind": "command", **document}))
    Project.objects.update(profiles=Func(F("profiles"), Value(name), function="array_append"))
    return name


def shell(name: str = "shell") -> str:
    """A profile that runs the text in its slot: for tests only, which are what an admin of this machine wants."""
    return install(name, words=["sh", "-c", {"slot": "text"}], slots={"text": {"pattern": "(?s).*"}})


def tasks(ticket: Any, *texts: str, by: Any, **more: Any) -> list[Task]:
    """Ready tasks that run these texts in a shell."""
    return Task.objects.add(
        ticket, [TaskSpec(text[:50], profile=shell(), slots={"text": text}, **more) for text in texts], by=by
    )


def states(*tasks: Task) -> list[str]:
    return [
        row["state"]
        for row in sql.rows(
            "SELECT state FROM tickets_task WHERE id = ANY (%s) ORDER BY id", [[task.pk for task in tasks]]
        )
    ]
