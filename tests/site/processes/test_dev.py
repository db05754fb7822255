"""`manage.py dev`, with real processes, on a copy of the code that a test may change."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from omoi_site.serving.request_sql import request_sql_middleware
from tests.support import ROOT
from tests.support.up_process import Up, copy_code, short_home
from tests.support.wait import until

PAGE_OF_NEEDS = """
from django.http import HttpResponse
from tickets.models import WorkflowPhase

def names(request):
    phases = WorkflowPhase.objects.all()
    if "joined" in request.GET:
        phases = phases.select_related("workflow")
    return HttpResponse(" ".join(phase.workflow.name for phase in phases))

urlpatterns.insert(0, path("names/", names))
"""


@pytest.fixture(scope="module")
def dev() -> Iterator[Up]:
    with short_home("omoi-dev-", ready=True) as home:
        code = copy_code(home.with_name("code"))
        for name in ("requirements-scale.txt", "requirements-dev.txt"):
            shutil.copy(ROOT / name, code / name)
        server = Up(home, "--port=0", root=code, command="dev").ready()
        yield server
        assert server.stop() == 0, server.said


@pytest.fixture
def code(dev: Up) -> Path:
    return dev.home.with_name("code")


def text(dev: Up, path: str, **headers: str) -> str:
    """What is answered, whatever the status; nothing while it starts again."""
    asked = urllib.request.Request(dev.facts["url"] + path, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()
    except OSError:
        return ""


def health(dev: Up) -> dict[str, bool]:
    """What it says of itself; nothing while it starts again."""
    return json.loads(text(dev, "/healthz") or "{}")


def change(file: Path, old: str, new: str) -> None:
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new, 1))


@pytest.mark.full
def test_changed_code_starts_the_roles_again(dev, code):
    old = dev.facts["children"]

    change(code / "omoi_site/asgi.py", '"alive": True', '"alive": True, "changed": True')

    until(lambda: health(dev).get("changed"))
    until(
        lambda: (
            not set(dev.facts["children"].values()) & set(old.values()) and len(dev.facts["children"]) == 3
        )
    )
    assert "omoi_site/asgi.py has changed: web, worker, clock restart." in dev.said


@pytest.mark.full
def test_code_that_does_not_start_is_told_and_tried_again_when_it_changes(dev, code):
    file = code / "collaboration/live/access.py"

    change(file, "from __future__", "nonsense!\nfrom __future__")
    until(lambda: "nonsense!" in dev.said)
    change(file, "nonsense!\n", "")

    assert dev.get("/healthz") == 200


@pytest.mark.full
def test_a_changed_template_and_a_changed_style_are_seen_at_once(dev, code):
    web = dev.facts["children"]["web"]
    assert "Come in" not in text(dev, "/login/")

    change(code / "templates/agents/sign_in.html", "<h1", "<p>Come in</p><h1")
    (code / "static/site/tokens.css").write_text("/* plain */")

    assert "Come in" in text(dev, "/login/")
    assert text(dev, "/static/site/tokens.css") == "/* plain */"
    assert dev.facts["children"]["web"] == web


@pytest.mark.full
def test_the_sql_of_a_request_is_shown_to_who_asks_for_it(dev):
    key = dev.manage("keys", "create", "--user", "admin").stdout.strip()

    statements = text(dev, "/api/v1/tickets?limit=7&sql", Authorization=f"Bearer {key}")

    assert statements.startswith("-- GET /api/v1/tickets?limit=7 answered 200: ")
    assert "FROM tickets_ticket" in statements
    assert "7::bigint" in statements  # the parameters are filled in


@pytest.mark.full
def test_a_page_that_asks_row_by_row_fails_and_names_the_line(dev, code):
    with (code / "omoi_site/urls.py").open("a") as file:
        file.write(PAGE_OF_NEEDS)

    until(lambda: "software_delivery" in text(dev, "/names/?joined"))
    assert "N+1 detected on tickets.WorkflowPhase.workflow" in text(dev, "/names/")


@pytest.mark.full
def test_it_is_refused_where_others_reach_it():
    with short_home("omoi-dev-") as home:
        refused = Up(home, "--host=0.0.0.0", "--port=0", command="dev")

        try:
            assert refused.process.wait(30) == 1
        finally:
            refused.stop()
        assert "Not served on 0.0.0.0: `dev` shows code, settings and SQL." in refused.said


@pytest.mark.full
def test_the_sql_is_shown_on_loopback_only():
    answer = request_sql_middleware(lambda request: HttpResponse("the page"))

    assert answer(RequestFactory().get("/?sql", REMOTE_ADDR="192.0.2.7")).content == b"the page"


@pytest.mark.django_db
def test_other_servers_show_no_sql(client):
    assert client.get("/login/?sql")["Content-Type"].startswith("text/html")
