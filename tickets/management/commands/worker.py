"""`manage.py worker`: runs tasks that have a profile. Start any number, on any machine."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence
from typing import Any

import dramatiq
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection

from omoi_site.brokers import hints
from omoi_site.command_base import Command as OurCommand
from omoi_site.command_base import Document
from omoi_site.errors import Invalid
from omoi_site.humanize import counted
from omoi_site.processes.child_process import Child
from omoi_site.processes.process_group import ProcessGroup
from omoi_site.processes.ready_signal import report_ready
from tickets.runtime import actors, worker_name  # noqa: F401  (actors: declares them to the broker)
from tickets.runtime.check_runner import CheckRunner
from tickets.runtime.worker import Worker

log = logging.getLogger(__name__)
STOPPING_S = 4.0
SETTLING_S = 10.0  # beyond the grace of running work, to settle and give back
MOST_PROCESSES = 64
LISTENERS = 2  # threads that take messages; tasks run in other threads


class Command(OurCommand):
    help = "Run tasks that have a profile, and handle the broker's messages, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name", default="", help="its name as an agent; by default this host with the first free number"
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.WORKER_CONCURRENCY,
            help="how many tasks to run at once",
        )

        parser.add_argument(
            "--processes",
            type=int,
            default=1,
            metavar="N",
            help="how many worker processes, each with its own name and this many threads (1)",
        )
        parser.add_argument(
            "--capability", action="append", default=[], help="a capability that tasks need; repeat for more"
        )

    def act(self, *, name: str, threads: int, processes: int, capability: list[str], **_: Any) -> Document:
        if not 1 <= processes <= MOST_PROCESSES:
            raise Invalid(f"processes must be from 1 to {MOST_PROCESSES}", field="processes")
        if processes > 1:
            return self.run_several(processes, name, threads, capability)
        worker = Worker(worker_name.take_one(name), threads, capability)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.register()
        listening = dramatiq.Worker(hints.get(), worker_threads=LISTENERS)
        listening.start()
        log.info("%s carries out %d tasks at a time", worker.name, threads)
        report_ready()
        worker.checks = CheckRunner(worker.name)
        worker.run()
        worker.checks.stop()
        stopping = threading.Thread(target=stop, args=(listening,), daemon=True)
        stopping.start()
        stopping.join(STOPPING_S)  # if the broker is away, this would take minutes
        return {"name": worker.name, "done": worker.settled_count}

    def run_several(self, processes: int, name: str, threads: int, capability: Sequence[str]) -> Document:
        options = [f"--threads={threads}", *(f"--capability={word}" for word in capability)]
        children = [
            Child(
                "worker",
                *options,
                *([f"--name={name}-{number}"] if name else []),
                home=settings.OMOI_HOME,
                logs=False,
            )
            for number in range(1, processes + 1)
        ]
        connection.close()
        group = ProcessGroup(children, grace_s=settings.WORKER_GRACE_S + SETTLING_S, ready=report_ready)
        group.run()
        return {"processes": processes}

    def show(self, document: Document) -> None:
        if "processes" in document:
            self.stdout.write(f"All {document['processes']} processes have stopped.")
            return
        self.stdout.write(
            "{name} has stopped. It settled {tasks}.".format(
                **document, tasks=counted(document["done"], "task")
            )
        )


def stop(listening: dramatiq.Worker) -> None:
    listening.stop(timeout=3000)
    hints.get().close()
