"""Packages add gate checks, as docs/workflows.md says, and none of them can harm the server."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest
from django.core import checks as system_checks
from django.core.management import call_command

from tests.factories import allow_workflow, submit
from tests.support import ROOT
from tickets.gates import catalogue, plugins, registry
from tickets.models import CheckRun, Ticket, TicketSpec, Workflow
from tickets.runtime.check_runner import carry_out_next

pytestmark = pytest.mark.django_db(transaction=True)
BLOCK = re.compile(r"```(?:toml|python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
WRITTEN = dict(BLOCK.findall((ROOT / "docs/workflows.md").read_text()))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes packages that are installed; gives a function that installs one by its name and module."""
    monkeypatch.setattr(registry, "_checks", dict(registry._checks))
    monkeypatch.setattr(plugins, "faults", [])
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name: str, module: str) -> None:
        (tmp_path / f"{name}.py").write_text(module)
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        about = tmp_path / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{name} = {name}\n")
        plugins.load()

    return installed


HEAD = """
from tickets.gates.registry import Reason, gate_check
"""
CHECK = (
    HEAD
    + """
@gate_check("theirs")
def theirs(case, needs):
    {}
    yield from ()
"""
)


def ticket_with(check, project, operator):
    phases = [{"name": "WORK", "to": ["DONE"], "gate": [check]}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "theirs", "phases": phases}))
    return Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)


def codes(ticket, operator) -> list[str]:
    Ticket.objects.judge(pk=ticket.pk, by=operator)
    while carry_out_next("w1"):
        pass
    [check] = Ticket.objects.judge(pk=ticket.pk, by=operator).checks
    return [reason["code"] for reason in check["reasons"]]


@pytest.mark.full
def test_the_page_is_done_as_written(package, project, operator, ada):
    """But for pip, which would need the network: what it installs is put in place."""
    about = tomllib.loads(WRITTEN["open-questions/pyproject.toml"])["project"]
    [(name, module)] = about["entry-points"][plugins.GROUP].items()
    assert name == module
    package(module, WRITTEN[f"open-questions/{module}.py"])
    assert plugins.faults == []
    assert "open_questions" in [each["name"] for each in catalogue.documents()]

    workflow = allow_workflow(project, Workflow.objects.install(WRITTEN["asked.yaml"]))
    ticket = Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)

    assert codes(ticket, operator) == ["artifact_missing"]
    submit(ticket, "design_document", b"# Design\nTODO who pays?\n", by=ada)
    assert codes(ticket, operator) == ["questions_open"]
    submit(ticket, "design_document", b"\xff", by=ada)
    assert codes(ticket, operator) == ["evidence_unreadable"]
    submit(ticket, "design_document", b"# Design\n", by=ada)
    assert codes(ticket, operator) == []
    Ticket.objects.move(ticket.pk, "DONE", by=operator)


@pytest.mark.full
@pytest.mark.parametrize(
    "breaks",
    [
        "raise ValueError('no')",
        "import os; os._exit(3)",
        "import os; os.kill(os.getpid(), 11)",
        "import time; time.sleep(100)",
        "print('x' * 2**30)",
        "b'x' * 2**40",
        "yield 'no'",
        "yield None",
        "import os; os.write(1, b'[]' * 100); os._exit(1)",
        "from tickets.models import Ticket",
    ],
)
def test_one_that_breaks_keeps_the_gate_closed(package, project, operator, monkeypatch, breaks):
    monkeypatch.setattr(plugins, "SECONDS", 3)
    package("theirs", CHECK.format(breaks))
    ticket = ticket_with({"check": "theirs"}, project, operator)

    assert codes(ticket, operator) == ["check_failed"]
    assert len(str(CheckRun.objects.latest("id").result)) < 5_000


def test_a_phase_with_too_much_in_it_is_not_copied(package, project, operator, ada, monkeypatch):
    monkeypatch.setattr(plugins, "COPIED", 3)
    package("theirs", CHECK.format("pass"))
    ticket = ticket_with({"check": "theirs"}, project, operator)
    submit(ticket, "plan", b"123", by=ada)
    assert codes(ticket, operator) == []

    submit(ticket, "notes", b"4", by=ada)

    assert codes(ticket, operator) == ["evidence_too_large"]


def test_only_what_it_yields_is_a_reason(package, project, operator):
    package("theirs", CHECK.format("return [True]"))
    ticket = ticket_with({"check": "theirs"}, project, operator)

    assert codes(ticket, operator) == []


def test_it_knows_neither_the_database_nor_the_environment(package, project, operator, monkeypatch):
    monkeypatch.setenv("OMOI_SECRET_KEY", "secret")
    package("theirs", CHECK.format("import os; print(sorted(os.environ))"))
    ticket = ticket_with({"check": "theirs"}, project, operator)

    assert codes(ticket, operator) == []
    printed = CheckRun.objects.get().result["output"]
    assert "PYTHONPATH" in printed
    assert "OMOI" not in printed
    assert "DATABASE" not in printed


@pytest.mark.parametrize(
    ("module", "fault"),
    [
        ("import nowhere", "ModuleNotFoundError"),
        ("raise SystemExit", "SystemExit"),
        ("def (", "SyntaxError"),
        ("", "registers no check"),
        (CHECK.format("").replace('"theirs"', '"artifact"'), "there is another check artifact"),
        (CHECK.format("").replace('"theirs"', '"Not a name"'), "must be small letters"),
        (CHECK.format("").replace('"theirs"', '"theirs", parameters={"a": 1}'), "not a JSON Schema"),
        (CHECK.format("").replace('"theirs"', '"theirs", outside=True'), "must be a plain gate_check"),
    ],
)
def test_one_that_cannot_be_used_is_named_and_left_out(package, module, fault):
    before = registry.registered()

    package("broken", module)

    assert registry.registered() == before
    [named] = plugins.faults
    assert fault in named
    [warning] = [each for each in system_checks.run_checks(tags=["workflows"]) if each.id == "tickets.W010"]
    assert "broken" in warning.msg


def test_a_broken_one_does_not_keep_the_others_out(package, client, operator):
    package("broken", "import nowhere")
    package("theirs", CHECK.format(""))
    client.force_login(operator)

    page = client.get("/checks/").content.decode()

    assert "theirs" in registry.registered()
    assert "broken (broken): ModuleNotFoundError" in page
    assert 'id="theirs"' in page


def test_the_page_of_checks_is_up_to_date(capsys):
    call_command("workflows", "checks", "--markdown")

    assert capsys.readouterr().out == Path(ROOT / "docs/checks.md").read_text(), (
        "run: python3 manage.py workflows checks --markdown > docs/checks.md"
    )


def test_every_parameter_is_described():
    for check in catalogue.documents():
        assert len(check["description"]) > 20, check["name"]
        for parameter in check["parameters"]:
            assert parameter["description"], (check["name"], parameter["name"])
