"""Checks whether a machine has what Omoi needs: one finding per subject, with what to do about it. It changes
nothing.

This file has the checks of the machine and the port. Other files register theirs with `examines`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from django.conf import settings

from omoi_site.processes import running_server
from omoi_site.serving import readiness
from omoi_site.serving import server as doors
from omoi_site.setup import disk_space, exposure, git_version, paths

PORT = 8000
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Finding:
    """state: `ok`; `off`, which is not a fault (not running now, or not needed); `attention`: it works, but
    less is held than could be; or `wrong`. how: what to do about it.
    """

    name: str
    state: str
    what: str
    how: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


Found = tuple[str, str, str] | tuple[str, str]  # state, what, how
Check = Callable[[], Found]
CHECKS: dict[str, Check] = {}


def examines(name: str) -> Callable[[Check], Check]:
    """Register a check under the name that begins its line. Lines come in the order of registration."""

    def register(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return register


def findings() -> Iterator[Finding]:
    """The findings of all checks. A check that raises gives a finding too."""
    for name, check in CHECKS.items():
        try:
            state, what, *how = check()
        except Exception as error:
            state, what, how = (
                "wrong",
                f"this check failed: {type(error).__name__}: {hushed(str(error))}",
                ["Report this line as a bug."],
            )
        yield Finding(name, state, hushed(what), hushed(how[0]) if how else "")


def hushed(text: str) -> str:
    """The text without the password of the database."""
    secret = str(settings.DATABASES["default"].get("PASSWORD") or "")
    text = readiness.LOGIN.sub("//", text)
    return text.replace(secret, "…") if secret else text


# -- the machine


@examines("python")
def python() -> Found:
    """manage.py refuses an older Python before this runs."""
    return "ok", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}"


@examines("venv")
def venv() -> Found:
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return "ok", "this Python can create virtual environments"
    state = "off" if sys.prefix != sys.base_prefix else "wrong"
    return (
        state,
        "the modules venv and ensurepip are missing",
        f"On Debian and Ubuntu: apt install python3.{sys.version_info[1]}-venv",
    )


@examines("git")
def git() -> Found:
    if not (git_path := shutil.which("git")):
        return (
            "wrong",
            "missing; repositories, `up --demo` and executors that work on code need it",
            "On Debian and Ubuntu: apt install git",
        )
    version = subprocess.run(
        [git_path, "--version"], capture_output=True, text=True, timeout=PATIENCE_S
    ).stdout.strip()
    if not git_version.keeps_mirrors(version):
        return (
            "attention",
            f"{version}; repositories are not fetched with it, all else works",
            "Install git 2.37 or newer.",
        )
    return "ok", version or git_path


@examines("home")
def home() -> Found:
    folder = settings.OMOI_HOME
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    how = "Run this as the user it belongs to, or set OMOI_HOME to a folder of your own."
    if not existing.is_dir():
        return "wrong", f"{existing} is not a folder", how
    if not os.access(existing, os.W_OK | os.X_OK):
        return "wrong", f"{folder} cannot be written by uid {os.geteuid()}", how
    for name in ("secret_key", "password"):
        if (folder / name).exists() and not os.access(folder / name, os.R_OK):
            return "wrong", f"{folder / name} cannot be read by uid {os.geteuid()}", how
    if existing == folder:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return "wrong", f"no file can be written in {folder}: {error.strerror}", how
    return "ok", str(folder) if existing == folder else f"{folder} will be created"


@examines("disk")
def disk() -> Found:
    try:
        ground = paths.data_folder(settings.OMOI_HOME)
    except paths.Displaced as refusal:
        return "wrong", refusal.message, refusal.next_action
    wanted = readiness.LEAST_ROOM if (ground / "data").exists() else disk_space.TO_BEGIN
    left = {str(folder): disk_space.free(folder) for folder in dict.fromkeys((settings.OMOI_HOME, ground))}
    free_space = ", ".join(f"{free >> 20:,} MiB free in {folder}" for folder, free in left.items())
    if min(left.values()) < wanted:
        return (
            "wrong",
            free_space,
            f"Free some space: {wanted >> 20} MiB are needed. Or set OMOI_HOME to a folder on a larger disk.",
        )
    return "ok", free_space


# -- the port, and who may reach it


@examines("port")
def port() -> Found:
    if facts := running_server.find(settings.OMOI_HOME):
        url = facts["url"]
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE_S) as answer:
                return "ok", f"{url} answers ({answer.status})"
        except OSError as error:
            return "wrong", f"{url} does not answer: {error}", "Read logs/web.log in OMOI_HOME."
    try:
        doors.listen("127.0.0.1", PORT).close()
    except OSError as error:
        return (
            "off",
            f"127.0.0.1:{PORT} is taken: {error.strerror}",
            "Start with another port: --port 8001 (--port 0 takes any free one)",
        )
    return "ok", f"127.0.0.1:{PORT} is free"


@examines("exposure")
def reach() -> Found:
    wrong = exposure.faults(debug=settings.DEBUG, secret=settings.SECRET_KEY)
    if not wrong:
        return "ok", "debugging is off, and the secret is strong"
    beyond = [
        name
        for name in settings.ALLOWED_HOSTS
        if not exposure.is_loopback(name.strip("[]").lstrip(".").replace("*", ""))
    ]
    if beyond:
        return "wrong", f"served to others as {', '.join(beyond)}", " ".join(wrong)
    return "off", "good enough for a loopback address, refused on any other", " ".join(wrong)


@examines("names")
def names() -> Found:
    if exposure.open_names(settings.ALLOWED_HOSTS):
        return (
            "wrong",
            "OMOI_ALLOWED_HOSTS lets any name through",
            "List the names of this server, separated by commas.",
        )
    return "ok", f"answers to {', '.join(settings.ALLOWED_HOSTS)}"


@examines("tls")
def tls() -> Found:
    """Whether cookies may be sent unencrypted; if not, whether people can sign in."""
    if not settings.SESSION_COOKIE_SECURE:
        how = "Behind a proxy with https: set OMOI_TLS=1 and FORWARDED_ALLOW_IPS to the proxy's address."
        return "off", "cookies are sent over plain HTTP too", how
    if os.environ.get("FORWARDED_ALLOW_IPS"):
        return (
            "ok",
            f"cookies are sent over https only; trusted proxy: {os.environ['FORWARDED_ALLOW_IPS']}",
        )
    if any(origin.startswith("https://") for origin in settings.CSRF_TRUSTED_ORIGINS):
        return "ok", "cookies are sent over https only, from the origins of OMOI_TRUSTED_ORIGINS"
    how = "Set FORWARDED_ALLOW_IPS to the address of the https proxy of this server."
    return (
        "wrong",
        "OMOI_TLS=1, but no proxy is trusted to mark requests as https, so nobody can sign in",
        how,
    )


def text(finding: Finding, width: int) -> str:
    """One line of a report."""
    sign = {"ok": "ok   ", "off": "-    ", "attention": "LOOK ", "wrong": "WRONG"}[finding.state]
    return f"{sign} {finding.name:<{width}}  {finding.what}" + (f". {finding.how}" if finding.how else "")
