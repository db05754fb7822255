"""The spawner of this process: started when it is first needed, and again when it was killed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.executors.supervisor import linux

ROOT = Path(__file__).resolve().parents[2]
BEGIN = (
    "import sys; sys.path.insert(0, {root!r}); from agents.executors.supervisor.spawner import main; main()"
)

_lock = threading.Lock()
_spawner: subprocess.Popen[bytes] | None = None
_control: socket.socket | None = None
_adopts = False


def adopt_strays() -> None:
    """Be the parent of what is left when the spawner and a supervisor are both killed. For a process whose
    only children are ours: it ends all others.
    """
    global _adopts
    _adopts = True
    linux.become_subreaper()


def request(job: dict[str, Any], stdin: int, stdout: int, inherited: Sequence[int] = ()) -> socket.socket:
    """Have this job started; the socket on which its supervisor tells of it, see `supervise`."""
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as specification:
        specification.write(json.dumps(job).encode())
        specification.seek(0)
        fds = [specification.fileno(), stdin, stdout, theirs.fileno(), *inherited]
        try:
            _send(fds)
        except BaseException:
            ours.close()
            raise
    return ours


def _send(fds: list[int]) -> None:
    global _spawner, _control
    with _lock:
        with contextlib.suppress(OSError):
            if _spawner and _control and _spawner.poll() is None:
                socket.send_fds(_control, [b"!"], fds)
                return
        if _control:
            _control.close()
        _control, theirs = socket.socketpair()
        with theirs:
            _spawner = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", BEGIN.format(root=str(ROOT)), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={},
            )
        threading.Thread(target=_wait, args=(_spawner,), daemon=True).start()
        socket.send_fds(_control, [b"!"], fds)


def _wait(spawner: subprocess.Popen[bytes]) -> None:
    spawner.wait()
    with _lock:  # another is not being started now
        end_strays()


def end_strays() -> None:
    """End what became a child of this process because the spawner and a supervisor were killed."""
    spawner = _spawner.pid if _spawner and _spawner.poll() is None else 0
    while _adopts and (strays := [pid for pid in linux.children(os.getpid()) if pid != spawner]):
        linux.kill_tree(strays)
        for pid in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
