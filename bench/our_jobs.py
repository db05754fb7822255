"""Jobs that do nothing, carried out by our own workers on a temporary installation. Other benches use this
beside their peers:

    with temporary_server():
        jobs = OurJobs()
        with jobs.worker(threads=8):
            print(jobs.chain(1000))
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "kind: python\ncallable: noop_jobs.nothing\n"
PROFILES = {
    "noop": PYTHON,  # a process for each job
    "noop_reusable": f"{PYTHON}reusable: true\n",  # processes that are kept for further jobs
    "noop_command": "kind: command\nwords: ['true']\n",
}
MODULE = "def nothing(brief):\n    return None\n"
LOOK_S = 0.01
PATIENCE_S = 300.0
BOOKS = """
SELECT
  count(*) AS tasks,
  count(*) FILTER (WHERE t.state <> 'completed') AS lost,
  count(*) FILTER (WHERE t.attempts <> 1 OR h.claimed <> 1 + h.released OR h.completed <> 1) AS doubled,
  sum(h.released)::bigint AS given_back,
  extract(epoch FROM max(t.ended_at) - min(t.ended_at))::float8 AS seconds
FROM tickets_task t
CROSS JOIN LATERAL (
  SELECT
    count(*) FILTER (WHERE e.kind = 'task.claimed') AS claimed,
    count(*) FILTER (WHERE e.kind = 'task.released') AS released,
    count(*) FILTER (WHERE e.kind = 'task.completed') AS completed
  FROM agents_event e
  WHERE e.subject = 'task:' || t.id
) h
WHERE t.id = ANY (%s)
"""
LEFT = """
SELECT count(*) AS n
FROM tickets_task
WHERE id = ANY (%s)
  AND state NOT IN ('completed', 'failed', 'cancelled')
"""


@dataclass(frozen=True)
class Drain:
    """What became of the tasks of one run. seconds: from the first end to the last, by the database's
    clock; waited_s: as the caller saw it, from before the tasks were added. lost: not completed. doubled:
    tried or completed more than once, by the task's attempts and its history. given_back: how often a task
    was claimed ahead and released before it began.
    """

    tasks: int
    seconds: float
    waited_s: float
    lost: int
    doubled: int
    given_back: int

    @property
    def per_s(self) -> float:
        return self.tasks / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "per_s": round(self.per_s, 1)}


class OurJobs:
    """Adds tasks with the profile and waits for them. Inside `temporary_server`, once for each run."""

    def __init__(self, profile: str = "noop_reusable", key: str = "JOBS") -> None:
        from django.conf import settings

        from agents.models import Project, ProjectSpec

        folder = settings.OMOI_HOME / "profiles"
        folder.mkdir(exist_ok=True)
        (folder / "noop_jobs.py").write_text(MODULE)
        (folder / f"{profile}.yaml").write_text(PROFILES[profile])
        self.profile = profile
        self.project = Project.objects.create_project(
            ProjectSpec(key, workflow="simple", profiles=[profile]), by="system:bench"
        )

    # -- the worker

    @contextmanager
    def worker(self, threads: int = 8, processes: int = 1, **environment: str) -> Iterator[int]:
        """`manage.py worker` as users run it, ready for tasks; yields its pid. It is ended with the block."""
        process = self.start_worker(threads, processes, **environment)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def start_worker(
        self, threads: int = 8, processes: int = 1, **environment: str
    ) -> subprocess.Popen[bytes]:
        read_fd, write_fd = os.pipe()
        words = [sys.executable, "manage.py", "worker", "--name", "bench", "--threads", str(threads)]
        process = subprocess.Popen(
            [*words, *(["--processes", str(processes)] if processes > 1 else [])],
            cwd=ROOT,
            env={**os.environ, "OMOI_READY_FD": str(write_fd), **environment},
            pass_fds=[write_fd],
            stdout=subprocess.DEVNULL,
        )
        os.close(write_fd)
        with os.fdopen(read_fd) as ready:
            if not ready.read().startswith("ready"):
                raise RuntimeError("the worker did not start")
        return process

    # -- the work

    def flat(self, count: int) -> list[int]:
        """Add this many tasks that need nothing; their ids."""
        return self._add([{} for _ in range(count)])

    def chain(self, count: int) -> Drain:
        """Tasks of which each needs the one before, added and waited for while a worker runs."""
        return self._run([{"needs": [n - 1] if n else []} for n in range(count)])

    def fan(self, width: int) -> Drain:
        """One task, then `width` that need it, then one that needs all of those."""
        middle = [{"needs": [0]} for _ in range(width)]
        return self._run([{}, *middle, {"needs": list(range(1, width + 1))}])

    def drain(self, count: int, **worker: Any) -> Drain:
        """Add `count` tasks, then start a worker and wait until it has carried out all."""
        began = time.perf_counter()
        ids = self.flat(count)
        with self.worker(**worker):
            self.wait(ids)
        return self.books(ids, time.perf_counter() - began)

    def _run(self, shape: list[dict[str, Any]]) -> Drain:
        began = time.perf_counter()
        ids = self._add(shape)
        self.wait(ids)
        return self.books(ids, time.perf_counter() - began)

    def _add(self, shape: list[dict[str, Any]]) -> list[int]:
        from tickets.models import Task, TaskSpec, Ticket, TicketSpec
        from tickets.models.task.task_spec import NeedSpec

        ticket = Ticket.objects.open(self.project, TicketSpec("Nothing to do"), by="system:bench")
        specs = [
            TaskSpec(
                f"no-op {n}",
                ref=str(n),
                profile=self.profile,
                needs=[NeedSpec(str(parent)) for parent in task.get("needs", [])],
            )
            for n, task in enumerate(shape)
        ]
        return Task.objects.insert(ticket, specs, by="system:bench")

    def wait(self, ids: list[int]) -> None:
        """Until none of these tasks is left: first for the last alone, which costs little to look at. Raises
        TimeoutError.
        """
        from omoi_site.database import sql

        deadline = time.monotonic() + PATIENCE_S
        for part in (ids[-1:], ids):
            while left := sql.rows(LEFT, [part])[0]["n"]:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{left} of {len(part)} tasks were not done in {PATIENCE_S:.0f} s")
                time.sleep(LOOK_S)

    def books(self, ids: list[int], waited_s: float = 0.0) -> Drain:
        """What became of these tasks, by their rows and their history."""
        from omoi_site.database import sql

        [row] = sql.rows(BOOKS, [ids])
        return Drain(**{**row, "seconds": row["seconds"] or 0.0}, waited_s=waited_s)
