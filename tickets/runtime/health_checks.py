"""Doctor's checks that need the database: hints, the clock, workers, and where executors run."""

from __future__ import annotations

import shutil
import subprocess
import sys

from django.conf import settings

from agents.executors.job_user import SYSTEM_PATH, Unreachable, as_executor, interpreter
from agents.executors.python import PYTHONS
from omoi_site.brokers import hints as broker
from omoi_site.database import sql
from omoi_site.processes import running_server
from omoi_site.setup import paths
from omoi_site.setup.doctor import Found, answering, examines
from tickets.runtime import sweeps

HEARD_S = 60
WORKERS = f"""SELECT count(*) AS n FROM agents_agent a JOIN agents_agentpresence p ON p.agent_id = a.id
              WHERE a.runs_profiles AND p.last_seen_at > clock_timestamp() - interval '{HEARD_S} s'"""
UNKNOWN = ("off", "not known, because the database does not answer or is not migrated")


def ready() -> bool:
    """Whether our tables can be queried."""
    with answering() as link:
        return link is not None and link.execute("SELECT to_regclass('tickets_sweeprun')").fetchone() != (
            None,
        )


def idle(role: str, what: str) -> Found:
    """The finding for a role that does not run: `wrong` if `up` runs here, else `off`."""
    if running_server.find(settings.OMOI_HOME):
        return "wrong", what, f"Read logs/{role}.log in OMOI_HOME."
    return "off", what, "Start everything: python3 manage.py up"


@examines("broker")
def hints() -> Found:
    if not settings.BROKER_URL and not ready():
        return UNKNOWN
    if problem := broker.health():
        return (
            "wrong",
            problem,
            "Check BROKER_URL, and that the broker runs."
            if settings.BROKER_URL
            else "Run: python3 manage.py migrate",
        )
    return "ok", f"{broker.kind()} accepts hints"


@examines("clock")
def clock() -> Found:
    if not ready():
        return UNKNOWN
    return (
        idle("clock", problem.removesuffix(" Start `python3 manage.py clock`.").rstrip("."))
        if (problem := sweeps.health())
        else ("ok", "its sweeps run")
    )


@examines("worker")
def worker() -> Found:
    if not ready():
        return UNKNOWN
    counts = sql.one(WORKERS)
    heard = counts["n"] if counts else 0
    return (
        ("ok", f"{heard} heard from in the last {HEARD_S} s")
        if heard
        else idle("worker", f"no worker was heard from for {HEARD_S} s")
    )


@examines("executors")
def executors() -> Found:
    account = paths.executor()
    who = f"uid {account.uid}" if account else "this user"
    try:
        return "ok", f"run as {who} with {interpreter(sys.executable, *PYTHONS)}"
    except Unreachable as error:
        return "wrong", str(error), "Tasks with a profile are refused; everything else works."


@examines("sandbox")
def sandbox() -> Found:
    without = "only trusted profiles can run here"
    if not (bwrap := shutil.which("bwrap", path=SYSTEM_PATH)):
        return (
            "off",
            f"not installed, so {without}",
            "On Debian and Ubuntu: apt install bubblewrap",
        )
    words = [bwrap, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true"]
    tried = subprocess.run(
        words, capture_output=True, text=True, timeout=10, cwd="/", env={"PATH": SYSTEM_PATH}, **as_executor()
    )
    if tried.returncode:
        return (
            "off",
            f"bubblewrap does not work here ({tried.stderr.strip()[:200]}), so {without}",
            "Allow unprivileged user namespaces.",
        )
    return "ok", "bubblewrap works"
