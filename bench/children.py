"""Parts of a bench that run at the same time, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.processes import BenchFailed

READY_S = 300.0  # within which all must be ready
fork = multiprocessing.get_context("fork")


def together(acts: Mapping[str, Callable[[Callable[[], Any]], Any]], folder: Path) -> dict[str, Any]:
    """What each of these returns, which must be plain JSON. An act is passed a function that it calls when it
    is ready: that returns when all are.
    """
    barrier = fork.Barrier(len(acts), timeout=READY_S)
    files = {name: folder / f"{name}.json" for name in acts}
    processes = {
        name: fork.Process(target=_run, args=(name, act, barrier, files[name])) for name, act in acts.items()
    }
    try:
        for name, process in processes.items():
            files[name].unlink(missing_ok=True)
            process.start()
        for process in processes.values():
            process.join()
    finally:
        for process in processes.values():
            if process.is_alive():
                process.terminate()
                process.join()
    said = {name: _read(name, file) for name, file in files.items()}
    if failures := sorted({each["failed"] for each in said.values() if "failed" in each}):
        raise BenchFailed(failures[-1])  # the empty ones come first
    return {name: each["found"] for name, each in said.items()}


def _run(name: str, act: Callable[[Callable[[], Any]], Any], barrier: Any, file: Path) -> None:
    try:
        said = {"found": act(barrier.wait)}
    except threading.BrokenBarrierError:
        said = {"failed": ""}  # another one says why
    except Exception as error:
        barrier.abort()
        said = {"failed": f"{name}: {type(error).__name__}: {error}"}
    file.write_text(json.dumps(said))


def _read(name: str, file: Path) -> dict[str, Any]:
    return json.loads(file.read_text()) if file.exists() else {"failed": f"{name} ended by itself"}
