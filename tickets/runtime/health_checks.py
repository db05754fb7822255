"""Doctor's checks that need the database: hints, the clock, content, workers, and where executors run."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError

from agents.executors.job_user import UIDS, Unreachable
from agents.executors.level import level
from agents.executors.python import python_for_jobs
from agents.executors.start_cost import start_cost
from omoi_site.brokers import hints as broker
from omoi_site.database import sql
from omoi_site.processes import running_server
from omoi_site.setup import paths
from omoi_site.setup.database_checks import answering
from omoi_site.setup.doctor import Found, examines
from tickets.models.gate import content_check
from tickets.runtime import sweeps

HEARD_S = 60
CONTENT_S = 2.0  # that looking at content may take
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


@examines("artifacts")
def artifacts() -> Found:
    """A quick look at the newest content that is kept in files."""
    if not ready():
        return UNKNOWN
    try:
        looked, wrong = content_check.look(CONTENT_S)
    except DatabaseError:  # its tables are of another version; the line of the migrations says so
        return UNKNOWN
    if wrong:
        return (
            "wrong",
            f"files of content looked at, the newest: {looked}; missing or not whole: {wrong}",
            "List them: python3 manage.py artifacts verify",
        )
    return "ok", f"files looked at, the newest: {looked}; all are there" if looked else "no content in files"


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
    who = f"a uid from {account.uid} to {account.uid + UIDS - 1}" if account else "this user"
    try:
        path, _ = python_for_jobs(sandboxed=level().sandboxed)
    except Unreachable as error:
        return "wrong", str(error), "Tasks with a profile are refused; everything else works."
    return "ok", f"run as {who} with {path}"


@examines("sandbox")
def sandbox() -> Found:
    """How far jobs are kept apart here, what stays open, and what a start costs."""
    here = level()
    costs = ", ".join(f"{name} {ms:g} ms" for name, ms in start_cost().items())
    if here.sandboxed:
        return "ok", f"jobs run in bubblewrap; to start one costs: {costs}"
    what = f"jobs run without a sandbox, because {here.why}. They can {'; '.join(here.open)}"
    how = (
        "Only trusted profiles can run. On Debian and Ubuntu: apt install bubblewrap, and allow user"
        " namespaces."
    )
    return "off", f"{what}. To start one costs: {costs}", how
