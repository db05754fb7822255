"""What an executor is given and what it gives back: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from agents.executors.activity import Activity
from agents.executors.isolation import Isolation


@dataclass(frozen=True)
class Job:
    """One attempt at a task.

    kind: `command` or `python`. words: the argument vector, or the callable (`module.function`). slots:
    keyword arguments of the callable. brief: what the task is about; a command reads it as JSON on standard
    input, a callable gets it as its first argument. folders: where the callable's module is looked for.
    artifacts: the files it leaves in its work folder, and the type each is submitted as. discoveries: the
    file in which it may leave what it found on the way. failure: the file in which it may leave how it
    failed. hash_output: its result has the SHA-256 of all that a command wrote. checks: the exit status of
    a command tells whether the work is right. process_key: one
    process may carry out the jobs with the same one, one after the other; empty: it has its own. activity:
    of this attempt, while it runs.
    """

    name: str
    kind: str
    words: list[str]
    brief: dict[str, Any]
    slots: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    timeout_s: float = 600.0
    artifacts: Mapping[str, str] = field(default_factory=dict)
    discoveries: str = ""
    failure: str = ""
    isolation: Isolation = field(default_factory=Isolation)
    process_key: str = ""
    hash_output: bool = False
    checks: bool = False
    activity: Activity = field(default_factory=Activity)

    @property
    def leaves_files(self) -> bool:
        return bool(self.artifacts or self.discoveries)


@dataclass(frozen=True)
class OutputFile:
    """A file a job left, copied out of its reach.

    path: in the work folder; type: of the artifact it is to become.
    """

    path: str
    type: str
    content: BinaryIO


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    kind: of a failure, as settling knows it: transient, permanent or validation. stopped: by `Stop`, before
    it could end. files: what it submits, open until `close` is called. discoveries: what it found on the
    way, and failure: how it failed, both as it wrote it.
    """

    ok: bool
    result: dict[str, Any]
    error: str = ""
    kind: str = "transient"
    stopped: bool = False
    files: tuple[OutputFile, ...] = ()
    discoveries: tuple[Any, ...] = ()
    failure: Any = None

    def close(self) -> None:
        for file in self.files:
            file.content.close()

    @classmethod
    def failed(cls, error: str, *, kind: str = "transient", stopped: bool = False, **result: Any) -> Ending:
        return cls(False, result, error, kind, stopped)

    @classmethod
    def refused(cls, why: str) -> Ending:
        """It never began, and another try would end the same way."""
        return cls.failed(why, kind="permanent")
