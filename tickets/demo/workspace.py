"""The workspace: the files that the demo puts in place for executors.

Executors may run as an account that cannot enter Omoi's own folder.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from agents import profiles
from agents.executors.job import Job
from agents.executors.job_folder import make_room, shared_folder, tools_folder
from agents.executors.job_user import SYSTEM_PATH, Unreachable, program, shared_gid
from agents.executors.level import level
from agents.executors.python import python_for_jobs
from agents.executors.run import run
from agents.executors.stop_signal import Stop
from omoi_site.errors import OmoiError

SHARED = "demo"  # the word in the profiles of its steps
FOLDER = Path(__file__).parent
MODULES = sorted((FOLDER / "sample_program").glob("*.py"))
LENT = (
    "coverage",
    "pytest",
    "pluggy",
    "iniconfig",
    "packaging",
    "pygments",
)  # the packages needed to run tests and measure coverage


class Impossible(OmoiError):
    """The demo cannot run on this machine; the message says what it lacks."""

    code = "demo_impossible"
    title = "The demo cannot run here"


def backlog() -> list[dict[str, Any]]:
    """The demo's tickets."""
    return list(yaml.safe_load((FOLDER / "backlog.yaml").read_text()))


@functools.cache
def count() -> int:
    """How many tickets the demo has."""
    return len(backlog())


def check_requirements() -> None:
    """Raise Impossible unless this machine has what the demo's executors need. Changes nothing."""
    try:
        program("git", SYSTEM_PATH)
    except Unreachable as error:
        why = "git, which is not installed" if "no program" in str(error) else f"git, but {error}"
        raise Impossible(
            f"The demo needs {why}. On Debian and Ubuntu: apt install git."
            " Then run this again, or start without --demo."
        ) from error
    try:
        python_for_jobs(sandboxed=level().sandboxed)
    except Unreachable as error:
        raise Impossible(f"The demo's executors need a Python: {error}. Or start without --demo.") from error


def lay_out() -> None:
    """Copy the files for executors. Existing files are not changed, because executors may be reading them."""
    workspace = tools_folder(SHARED)
    packages = {name: _version(name) for name in LENT}
    mark = hashlib.sha256(
        json.dumps([packages, backlog(), {file.name: file.read_text() for file in MODULES}]).encode()
    ).hexdigest()
    marker = workspace / "laid-out"
    if marker.exists() and marker.read_text() == mark:
        return
    _put(workspace / "packages", _lend)
    _put(
        workspace / "sample_program",
        lambda folder: shutil.copytree(
            FOLDER / "sample_program", folder, ignore=shutil.ignore_patterns("__pycache__")
        ),
    )
    _put(workspace / "backlog.json", lambda file: file.write_text(json.dumps(backlog())))
    marker.write_text(mark)


def repository() -> str:
    """The demo's git repository, created if missing, by a job like those that will work in it."""
    repository_path = shared_folder(SHARED) / "ledger.git"
    _bring_old(make_room() / "home" / "demo" / "ledger.git", repository_path)
    isolation = profiles.named("demo_branch").isolation
    stop = Stop()
    try:
        words = ["demo.create_repository"]
        job = Job("demo", "python", words, {}, folders=[profiles.SHIPPED], isolation=isolation)
        ending = run(job, stop)
    finally:
        stop.close()
    if not ending.ok:
        raise Impossible(f"The demo's repository could not be created: {ending.error}")
    return str(repository_path)


def _bring_old(old: Path, new: Path) -> None:
    """The repository of a version in which all jobs had one HOME."""
    if new.exists() or not old.is_dir():
        return
    if os.geteuid() == 0:
        for path in (old, *old.rglob("*")):
            os.lchown(path, 0, shared_gid(SHARED))
            if not path.is_symlink():
                path.chmod(0o2770 if path.is_dir() else path.stat().st_mode | 0o060)
    old.rename(new)


def _put(target: Path, make: Callable[[Path], Any]) -> None:
    """Create it under another name, readable by everyone, then rename it."""
    fresh = target.with_name(f"{target.name}.new")
    _remove(fresh)
    make(fresh)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    _remove(target)
    fresh.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise Impossible(
            f"The demo needs the package {name}, which is not installed."
            " Run `pip install -r requirements.txt`."
        ) from error


def _lend(folder: Path) -> None:
    for name in LENT:
        for file in importlib.metadata.files(name) or []:
            if ".." not in file.parts and (origin := Path(str(file.locate()))).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, folder / file)  # keep its time, so that compiled files count as fresh
