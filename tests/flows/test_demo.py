"""`manage.py up --demo`, as a new user runs it: tickets go from BACKLOG to DONE by themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from omoi_site.database import embedded
from tests.support import ROOT
from tests.support.external import unavailable
from tests.support.up_process import Up, short_home
from tests.support.wait import until
from tickets.demo import workspace

pytestmark = pytest.mark.full
COUNT = len(workspace.backlog())
ASK = """
import json
from django.db.models import Count
from agents.models import Event
from tickets.models import Artifact, Task, Ticket, Verdict
print(json.dumps({
    "phases": dict(Ticket.objects.values_list("phase").annotate(n=Count("id"))),
    "tasks": Task.objects.count(),
    "failed": list(Task.objects.filter(state="failed").values_list("error", flat=True)),
    "artifacts": Artifact.objects.count(),
    "histories": {ticket.source_id: [[move.from_phase, move.to_phase, move.ground]
                                     for move in ticket.history.order_by("move")]
                  for ticket in Ticket.objects.all()},
    "refused": [[verdict.ticket.source_id, reason["code"]] for verdict in Verdict.objects.filter(passed=False)
                for check in verdict.checks for reason in check["reasons"]],
    "repairs": list(Task.objects.filter(profile="demo_mend").values_list("ticket__source_id", "state")),
    "blocked": list(
        Event.objects.filter(kind="ticket.moved", data__to="BLOCKED").values_list("reason", flat=True)),
}))
"""


@pytest.fixture
def git() -> None:
    if not shutil.which("git"):
        unavailable("git", "the demo needs git: apt install git")


@pytest.fixture
def home(git: None) -> Iterator[Path]:
    with short_home("omoi-demo-") as made:
        yield made


@pytest.fixture
def ready_home(git: None) -> Iterator[Path]:
    with short_home("omoi-demo-", ready=True) as made:
        yield made


def asked(home: Path) -> dict[str, Any]:
    environment = {**os.environ, "OMOI_HOME": str(home)}
    environment.pop("DATABASE_URL", None)
    said = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", ASK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(said.stdout))


def board_of(up: Up) -> str:
    """What the operator sees there after following the link."""
    [link] = re.findall(r"Sign in, once\s+(\S+)", up.said)
    with httpx.Client(follow_redirects=True, timeout=20, headers={"Origin": up.facts["url"]}) as client:
        form = client.get(link).text
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[0]
        client.post(link, data={"csrfmiddlewaretoken": token}).raise_for_status()
        return client.get(f"{up.facts['url']}/board/").raise_for_status().text


def wait_until_all_is_done(home: Path, seconds: float) -> dict[str, Any]:
    """What there is then. It is looked for by SQL: a command each time would take a core from the demo."""
    with embedded.Server(home).connect() as link:

        def all_done() -> bool:
            assert link.execute("SELECT error FROM tickets_task WHERE state = 'failed'").fetchall() == []
            phases = link.execute("SELECT phase, count(*) FROM tickets_ticket GROUP BY phase").fetchall()
            return phases == [("DONE", COUNT)]

        until(all_done, seconds)
    return asked(home)


def artifacts(home: Path) -> int:
    with embedded.Server(home).connect() as link:
        [(count,)] = link.execute("SELECT count(*) FROM tickets_artifact").fetchall()
    return int(count)


def test_all_tickets_walk_to_done_and_a_second_start_adds_nothing(home):
    first = Up(home, "--demo", "--port=0").ready()
    seen = wait_until_all_is_done(home, 240)
    assert "Demo: a ledger" in board_of(first)
    assert first.stop() == 0, first.said

    assert [move[1] for move in seen["histories"]["money"]] == [
        "BACKLOG", "REQUIREMENTS", "DESIGN", "IMPLEMENTATION", "TESTING", "DEPLOYMENT", "DONE",
    ]  # fmt: skip
    assert seen["refused"] == [["split", "coverage_low"]]
    assert seen["repairs"] == [["split", "completed"]]
    grounds = [move[2] for move in seen["histories"]["settle"]]
    assert grounds.index("unblocked") == grounds.index("blocked") + 1
    assert len(seen["blocked"]) == 1

    second = Up(home, "--demo", "--port=0", paper="second").ready()
    until(lambda: "demo has finished its work" in second.said)
    again = asked(home)
    assert second.stop() == 0
    assert again == seen


def test_killed_half_way_it_goes_on_and_adds_nothing_twice(ready_home):
    first = Up(ready_home, "--demo", "--port=0").ready()
    until(lambda: artifacts(ready_home) > 3, 120)
    first.process.kill()
    first.process.wait()

    second = Up(ready_home, "--demo", "--port=0", paper="second").ready()
    seen = wait_until_all_is_done(ready_home, 300)
    assert second.stop() == 0

    assert all(history[-1][1] == "DONE" for history in seen["histories"].values())
    assert seen["tasks"] == 7 * COUNT + 2  # and no more for having been killed
    assert len(seen["blocked"]) == 1
