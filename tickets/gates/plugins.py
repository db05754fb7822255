"""Gate checks of projects: Python packages with the entry point `omoi.gate_checks`.

Their functions look like ours and register themselves the same way. A worker calls each in a process of its
own, with limits, so one that hangs, breaks or prints without end harms nothing. A package that cannot be used
is left out, and the system check names it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import jsonschema

from tickets.gates import evidence, registry
from tickets.gates.registry import GateCheck, Reason
from tickets.gates.work import Answer, Question, Submitted

GROUP = "omoi.gate_checks"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
SOURCE = Path(__file__).resolve().parents[2]
SECONDS = 30  # of one call
MEMORY, WRITTEN = 2 << 30, 4 << 20  # bytes of a call: memory, and of each file it writes, its output included
COPIED = 256 << 20  # bytes of all artifacts together, which are copied for each call
MOST_REASONS = 50
faults: list[str] = []  # why packages were left out


def load() -> None:
    """Register the checks of all installed packages."""
    faults.clear()
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.value):
        if fault := _load(point):
            faults.append(f"{point.name} ({point.value}): {fault}")


def _load(point: EntryPoint) -> str:
    """Empty, or why its checks are left out."""
    before = registry.registered()
    try:
        point.load()
        added = {
            name: check for name, check in registry.registered().items() if check is not before.get(name)
        }
        fault = next(filter(None, (_fault(check, before) for check in added.values())), "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: nothing in it may stop the server
        added, fault = {}, f"{type(error).__name__}: {error}"
    if fault or not added:
        registry.put(before)
        return fault or "it registers no check"
    registry.put(before | {name: _in_a_worker(check, point) for name, check in added.items()})
    return ""


def _fault(check: GateCheck, before: dict[str, GateCheck]) -> str:
    if check.name in before:
        return f"there is another check {check.name}"
    if not NAME.fullmatch(check.name):
        return f"{check.name!r} must be small letters, digits and _, first a letter"
    try:
        jsonschema.Draft202012Validator.check_schema(check.parameters)
    except jsonschema.SchemaError as error:
        return f"the parameters of {check.name} are not a JSON Schema: {error.message}"
    if check.work or check.makes_task or check.outside:
        return f"{check.name} must be a plain gate_check; a worker runs it anyway"
    return ""


def _in_a_worker(check: GateCheck, point: EntryPoint) -> GateCheck:
    work = partial(call, check.name, point.value)
    work.__doc__ = check.function.__doc__
    return replace(check, function=registry.stored_answer(check.name), work=work)


def call(name: str, point: str, question: Question) -> Answer:
    """What the function finds, called in a process of its own."""
    size = sum(artifact.size for artifact in question.artifacts if artifact.size <= evidence.LARGEST)
    if size > COPIED:
        how = "submit fewer or smaller artifacts for this phase"
        return Answer([Reason(name, "evidence_too_large", COPIED, size, how)])
    asked: dict[str, Any] = {
        "point": point,
        "entry": {"check": name, **question.needs},
        "ticket": {"pk": 0, "key": question.ticket, "title": question.title},
        "phase": question.phase,
        "tasks": question.tasks,
    }
    with tempfile.TemporaryDirectory(prefix="omoi-check-") as folder:
        asked["artifacts"] = [
            _put(artifact, Path(folder), n) for n, artifact in enumerate(question.artifacts)
        ]
        code, printed, found = _run(json.dumps(asked), folder)
    kept = {"exit": code, "output": printed}
    if code:
        how = "read its output (GET /tickets/{key}/gate/runs), and correct the check"
        why = "it took too long" if code == -signal.SIGKILL else f"exit {code}"
        return Answer([Reason(name, "check_failed", "an answer", why, how)], kept)
    return Answer(_reasons(name, found), kept)


def _put(artifact: Submitted, folder: Path, number: int) -> dict[str, Any]:
    """Its content in a file, where it is not too large to read."""
    about = artifact.about
    if artifact.size <= evidence.LARGEST:
        file = folder / str(number)
        file.write_bytes(artifact.content())
        about["file"] = str(file)
    return about


def _run(asked: str, folder: str) -> tuple[int, str, Any]:
    """The exit code, the end of what it printed, and what it found."""
    with (
        tempfile.TemporaryFile(dir=folder) as printed,
        tempfile.TemporaryFile(dir=folder) as found,
        tempfile.TemporaryFile(dir=folder) as stdin,
    ):
        stdin.write(asked.encode())
        stdin.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-m", "tickets.gates.plugin_child", str(found.fileno())],
            stdin=stdin,
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=SOURCE,
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            pass_fds=[found.fileno()],
            start_new_session=True,
        )
        try:
            code = child.wait(SECONDS)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        finally:
            _end(child)
        text = os.pread(printed.fileno(), WRITTEN, 0)[-2_000:].decode("utf-8", "replace").replace("\0", "�")
        try:
            return code, text, json.loads(os.pread(found.fileno(), WRITTEN, 0) or b"null")
        except ValueError:
            return code, text, None


def limit() -> None:
    """Bound this process, before anything of the package runs in it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end(child: subprocess.Popen[bytes]) -> None:
    """It and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _reasons(name: str, found: Any) -> list[Reason]:
    """What the process gave back; what is no list of reasons keeps the gate closed."""
    names = {"check", "code", "need", "got", "how"}
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and set(each) == names for each in found
    ):
        how = "let the function yield a Reason for each fault, and nothing else"
        return [Reason(name, "check_failed", "a list of reasons", None, how)]
    return [Reason(**{**each, "check": name}) for each in found[:MOST_REASONS]]
