"""Installs the requirements: creates `.venv` beside manage.py, installs into it, and runs the command again
there.

It uses only the standard library, because nothing is installed yet when it runs. `.venv/omoi-installed.json`
lists what was installed completely. If `.venv.lock` is not empty, an installation was interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from omoi_site.setup.install_progress import Progress, follow

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
RUN = ("requirements.txt",)
TEST = (*RUN, "requirements-scale.txt", "requirements-dev.txt")
ROOM = 400 << 20  # for the packages of a server, and for pip while it unpacks them
FULL = {errno.ENOSPC, errno.EDQUOT}
NO_ROOM = (
    f"The disk that holds {VENV} is full. Omoi's packages need {ROOM >> 20} MiB there."
    " Free some space, then run this again. The installation starts from the beginning."
)


def ensure_installed(argv: Sequence[str]) -> None:
    """Return in a Python that has the packages this command needs. It may replace the process (exec)."""
    files = TEST if argv[1:2] in (["test"], ["dev"]) else RUN
    wanted = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in files}
    if _whole(Path(sys.prefix), wanted):
        return
    if not _whole(VENV, wanted):
        if _has_all(files):  # a Python in which somebody else installed them
            return
        try:
            with _alone() as lock:
                if not _whole(VENV, wanted):
                    _install(wanted, lock)
        except KeyboardInterrupt:
            _refuse("Interrupted. The next command starts the installation again.", code=130)
        except OSError as error:
            if error.errno not in FULL:
                raise
            _refuse(NO_ROOM)
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, *argv])


def _whole(venv: Path, wanted: dict[str, str]) -> bool:
    """Whether exactly these requirements were completely installed there, for the present Python."""
    installed = _noted(venv)
    if any(installed.get(name) != value for name, value in wanted.items()) or _broken_off(venv):
        return False
    try:
        return (venv / "lib" / f"python{installed.get('python')}").is_dir() and (
            venv / "bin" / f"python{installed.get('python')}"
        ).exists()
    except OSError:  # made by another user, with a Python that we may not run
        return False


def _lock(venv: Path) -> Path:
    return Path(f"{os.path.realpath(venv)}.lock")


def _broken_off(venv: Path) -> bool:
    with contextlib.suppress(OSError):
        return bool(_lock(venv).read_text())
    return False


def _noted(venv: Path) -> dict[str, str]:
    try:
        return dict(json.loads((venv / "omoi-installed.json").read_text()))
    except (OSError, ValueError):
        return {}


def _has_all(files: Sequence[str]) -> bool:
    """Whether this Python has every pinned package of the files."""
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^\s;]+)",
        "\n".join((ROOT / name).read_text() for name in files),
        re.MULTILINE,
    )
    try:
        return all(importlib.metadata.version(name) == version for name, version in pins)
    except importlib.metadata.PackageNotFoundError:
        return False


@contextlib.contextmanager
def _alone() -> Iterator[TextIO]:
    """If several commands start at once, one installs and the others wait."""
    path = _lock(VENV)
    try:
        lock = path.open("a")
    except OSError as error:
        _refuse(
            f"Omoi installs its packages in {VENV}, and cannot write {path} ({error.strerror})."
            " Run this again as the user who owns that folder."
        )
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another command is installing in {VENV}; waiting for it.", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _install(wanted: dict[str, str], lock: TextIO) -> None:
    began = time.monotonic()
    say = Progress(sys.stderr)
    if not VENV.exists() and (free := shutil.disk_usage(ROOT).free) < ROOM:
        _refuse(
            f"Only {free >> 20} MiB are free in {ROOT}. Omoi's packages need {ROOM >> 20} MiB there."
            " Free some space, then run this again."
        )
    if _broken_off(VENV) or not _usable():
        _mark(lock, "making")
        _make(say, lock)
    _mark(lock, "installing")
    say.stage(f"Installing {', '.join(wanted)} there")
    words: list[str | Path] = [
        VENV / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
    ]
    for name in wanted:
        words += ["-r", ROOT / name]
    log = VENV / "omoi-install.log"
    code = follow(
        words,
        log,
        say,
        installed=lambda: len(list(VENV.glob("lib/python*/site-packages/*.dist-info"))),
        keep=lock.fileno(),
    )
    if code:
        _mark(lock, "")  # pip ended without damage: the old packages are still there
        end = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        if _full(end):
            _mark(lock, "full")  # packages may be unpacked only in part
            _refuse(f"{end}\n\n{NO_ROOM}")
        _refuse(
            f"{end}\n\nThe packages could not be installed. The whole output of pip is in {log}."
            " Behind a proxy, set HTTPS_PROXY. Without internet access, set PIP_INDEX_URL or PIP_FIND_LINKS"
            " to a place that has the packages. Then run this again."
        )
    record = _noted(VENV) | wanted | {"python": _version()}
    scratch = VENV / "omoi-installed.new"
    scratch.write_text(json.dumps(record))
    scratch.rename(VENV / "omoi-installed.json")
    _mark(lock, "")
    say.stage(f"Installed, after {time.monotonic() - began:.0f} s")


def _mark(lock: TextIO, what: str) -> None:
    lock.truncate(0)
    lock.write(what)
    lock.flush()


def _usable() -> bool:
    """Whether the Python of `.venv` still runs and has pip; the system's Python may have changed since."""
    try:
        return (
            subprocess.run(
                [VENV / "bin" / "python", "-m", "pip", "--version"], capture_output=True
            ).returncode
            == 0
        )
    except OSError:
        return False


def _make(say: Progress, lock: TextIO) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        _refuse(
            f"Omoi installs its packages in a virtual environment, and this Python ({sys.executable}) cannot"
            " make one: its modules venv and ensurepip are missing. On Debian and Ubuntu, run"
            f" `apt install python{version}-venv` (or python3-venv). Then run this again."
        )
    say.stage(f"Making {VENV} with Python {version}")
    base = getattr(sys, "_base_executable", None) or sys.executable
    began = time.monotonic()
    words = [base, "-m", "venv", "--clear", str(VENV)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, pass_fds=(lock.fileno(),)
    ) as making:
        while True:
            try:
                output = making.communicate(timeout=1.0)[0].strip()[-800:]
                break
            except subprocess.TimeoutExpired:
                say.step(f"installing pip, {time.monotonic() - began:.0f} s")
    if making.returncode:
        _refuse(NO_ROOM if _full(output) else f"{VENV} could not be created: {output}")


def _version() -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run(
        [VENV / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _full(output: str) -> bool:
    """Whether a program's output says that the disk or the quota is full."""
    return any(os.strerror(number) in output for number in FULL)


def _refuse(sentence: str, code: int = 1) -> NoReturn:
    print(f"\n{sentence}", file=sys.stderr)
    sys.exit(code)
