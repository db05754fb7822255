"""The processes of a simulation's agents, and their messages."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.conf import settings

from omoi_site.processes.parent_death import die_with_parent
from tickets.simulation.agent import ANSWER_WITHIN_S, AgentOptions

GRACE_S = ANSWER_WITHIN_S + 5  # the last call may still be waiting for its answer
GRACE_AFTER_CTRL_C_S = 3.0
READY_WITHIN_S = 120.0


class AgentProcesses:
    """Scripted agents, one process each. As a context manager it leaves no process behind."""

    def __init__(self, options: Sequence[AgentOptions]) -> None:
        self.options = options
        self.said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.processes: list[subprocess.Popen[str]] = []
        self.readers: list[threading.Thread] = []
        self.ready = threading.Semaphore(0)

    def __enter__(self) -> AgentProcesses:
        try:
            for _ in self.options:
                self._start()
            until = time.monotonic() + READY_WITHIN_S
            for (
                _
            ) in self.options:  # all begin together, so the start of the interpreters is not part of the run
                self.ready.acquire(timeout=max(0.0, until - time.monotonic()))
            for process, order in zip(self.processes, self.options, strict=True):
                with contextlib.suppress(BrokenPipeError):  # it has ended, which is noticed elsewhere
                    process.stdin.write(json.dumps(asdict(order)) + "\n")  # type: ignore[union-attr]
                    process.stdin.flush()  # type: ignore[union-attr]
        except BaseException:
            self.end(patience=0)
            raise
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.end(GRACE_S if error is None else GRACE_AFTER_CTRL_C_S)

    @property
    def working(self) -> int:
        return sum(process.poll() is None for process in self.processes)

    def news(self) -> list[dict[str, Any]]:
        """The messages of the agents since the last call."""
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self.said.get_nowait())
        return messages

    def end(self, patience: float) -> None:
        """Tell every agent to stop, read their last messages, and kill those that do not end."""
        for process in self.processes:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
        until = time.monotonic() + patience
        for process in self.processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self.readers:
            reader.join()

    def _start(self) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "tickets.simulation.agent"],
            cwd=settings.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        self.processes.append(process)
        reader = threading.Thread(target=self._listen, args=[process], daemon=True)
        reader.start()
        self.readers.append(reader)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            with contextlib.suppress(ValueError):  # a line cut off because its writer ended
                message = json.loads(line)
                if message["what"] == "ready":
                    self.ready.release()
                else:
                    self.said.put(message)
