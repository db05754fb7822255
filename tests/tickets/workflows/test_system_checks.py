"""Django's system checks look at shipped and installed workflows before the server starts."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from tests.support.up_process import Up, copy_code, short_home
from tests.tickets.workflows.test_faults import REST, START
from tickets.models import Workflow, workflow_checks

pytestmark = pytest.mark.django_db

SIDE = {
    "name": "side",
    "phases": [
        {"name": "TODO", "to": ["DONE"]},
        {"name": "SIDE", "to": ["DONE"], "gate": [{"check": "gone"}]},
        {"name": "DONE", "to": []},
    ],
}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(workflow_checks, "SHIPPED", tmp_path)
    return tmp_path


def run(**how) -> str:
    out = StringIO()
    call_command("check", stdout=out, stderr=out, **how)
    return out.getvalue()


def test_what_is_shipped_and_installed_is_valid():
    assert "no issues" in run(databases=["default"], tags=["workflows"])


def test_a_shipped_document_that_is_not_valid_is_an_error(shipped):
    (shipped / "broken.yaml").write_text(f"{START}  - {{name: DESIGN, to: [TESTNG]}}\n{REST}")
    with pytest.raises(
        SystemCheckError, match=r"broken\.yaml is not valid: line 3: phase DESIGN moves to TESTNG"
    ):
        run()


def test_an_installed_document_that_would_be_refused_today_is_a_warning():
    Workflow.objects.create(name="side", version=1, document=SIDE)
    said = run(databases=["default"], tags=["workflows"])
    assert "(tickets.W001) The installed workflow side v1 would be refused today:" in said
    assert "no ticket can get to phase SIDE" in said
    assert "is gone, which is not a check" in said
    assert "install it as the next version: python3 manage.py workflows install FILE" in said


def test_only_the_newest_version_is_looked_at():
    Workflow.objects.create(name="side", version=1, document=SIDE)
    phases = [{"name": "TODO", "to": ["DONE"]}, SIDE["phases"][-1]]
    Workflow.objects.create(name="side", version=2, document={"name": "side", "phases": phases})
    assert "no issues" in run(databases=["default"], tags=["workflows"])


def test_a_database_without_tables_is_no_fault():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog")
        assert workflow_checks.installed_documents_are_valid(None, databases=["default"]) == []


BAD = "from tickets.models import Workflow; Workflow.objects.create(name='side', version=1, document={!r})"


@pytest.mark.full
def test_up_warns_of_an_installed_document_before_it_starts_the_server():
    with short_home(ready=True) as home:
        up = Up(home).ready()
        up.manage("shell", "-c", BAD.format(SIDE))
        assert up.stop() == 0
        again = Up(home, paper="again").ready()
        said = again.said
        assert again.stop() == 0
    assert said.index("(tickets.W001) The installed workflow side v1") < said.index("Ready after")


@pytest.mark.full
def test_up_does_not_start_with_a_shipped_document_that_is_not_valid(tmp_path):
    code = copy_code(tmp_path / "code")
    simple = code / "tickets/workflows/shipped/simple.yaml"
    simple.write_text(simple.read_text().replace("to: [DOING]", "to: [DOIN]"))
    with short_home(ready=True) as home:
        up = Up(home, root=code)
        assert up.process.wait(60) == 1
        said = up.said
    assert f"The shipped workflow {simple} is not valid: line 5: phase TODO moves to DOIN" in said
    assert "Restore the file from the release of Omoi that is installed here, then start again." in said
    assert "Traceback" not in said
    assert "Ready after" not in said
