"""Bad documents by every door: REST, its preview, the page, its script and the command. Each is a clear
refusal, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from agents.models import Event
from omoi_site.errors import OmoiError
from tests.support.api_client import ROOT, api_of
from tests.support.concurrency import Act
from tests.tickets.workflows.test_faults import REST, START
from tests.tickets.workflows.test_plain_yaml import BOMB
from tickets.models import Workflow
from tickets.workflows.document import InvalidWorkflow

pytestmark = pytest.mark.django_db(transaction=True)

PHASES = "".join(f"  - {{name: P{n}, to: [P{n + 1}]}}\n" for n in range(500))
BAD = {
    "500 phases": (START + PHASES, "may have at most 50 entries, but has 500"),
    "exploding anchors": (BOMB, "aliases (*) are not allowed"),
    "30,000 brackets": ("[" * 30_000 + "]" * 30_000, "nested deeper than 32 levels"),
    "too many values": ("a: [" + "1," * 100_000 + "]", "more than 10000 values"),
    "unknown names": (f"{START}  - {{name: DESIGN, to: [NOWHERE]}}\n{REST}", "which is not a phase"),
    "invisible names": (f"{START}  - {{name: DE\u200bSIGN, to: [TESTING]}}\n{REST}", "U+200B"),
    "nothing": ("# later\n", "the document is empty"),
    "half written": (f"{START}  - {{name: DESIGN, to: [TEST", "not valid YAML"),
    "a number": ("7", "must be a mapping"),
}
DOORS = ["REST", "preview", "page", "script", "command"]


@pytest.fixture
def doors(operator, client, tmp_path) -> dict[str, Callable[[str], tuple[int, str]]]:
    """Each sends a text, and gives the status of the answer with its words."""
    calls = api_of(operator)
    client.force_login(operator)

    def put(text: str, query: str = "") -> tuple[int, str]:
        at = f"{ROOT}/workflows/quick{query}"
        answer = calls.client.put(at, text, content_type="application/yaml", headers=calls.headers)
        return answer.status_code, answer.json()

    def post(address: str, text: str) -> tuple[int, str]:
        answer = client.post(address, {"text": text, "name": "", "version": "0"})
        return answer.status_code, answer.content.decode().replace("&lt;", "<").replace("&gt;", ">")

    def command(text: str) -> tuple[int, str]:
        file = tmp_path / "quick.yaml"
        file.write_text(text)
        with pytest.raises(InvalidWorkflow) as refused:
            call_command("workflows", "install", str(file), stdout=StringIO())
        return 422, refused.value.message

    return {
        "REST": lambda text: (lambda status, body: (status, str(body)))(*put(text)),
        "preview": lambda text: (lambda status, body: (status, str(body["errors"])))(
            *put(text, "?dry_run=true")
        ),
        "page": lambda text: post("/new-workflow/", text),
        "script": lambda text: post("/check-workflow/", text),
        "command": command,
    }


@pytest.mark.parametrize("door", DOORS)
def test_a_bad_document_is_refused_with_its_fault_by_every_door(doors, door):
    before = Workflow.objects.count(), Event.objects.count()
    for name, (text, said) in BAD.items():
        status, answer = doors[door](text)
        assert status == (200 if door in ("preview", "script") else 422), name
        assert said in answer, name
    assert (Workflow.objects.count(), Event.objects.count()) == before


def test_a_text_that_is_too_long_is_refused_by_every_door(doors):
    for door in DOORS:
        status, answer = doors[door]("# " + "x" * (256 << 10))
        assert status == (200 if door in ("preview", "script") else 422), door
        assert "at most 256 KiB" in answer


def test_twice_at_the_same_time_is_one_version_and_one_conflict(operator):
    """Of two who change the same version at the same time, one is told."""
    text = f"{START}  - {{name: DESIGN, to: [TESTING]}}\n{REST}"
    first = Workflow.objects.install(text, by=operator)

    def save(name: str) -> Callable[[], Any]:
        return lambda: Workflow.objects.install(
            text.replace("DESIGN", name), version=first.version, by=operator
        )

    acts = [Act(save(name)) for name in ("MINE", "YOURS")]
    for act in acts:
        act.start()
    for act in acts:
        act.join()
    assert [act.error.code for act in acts if isinstance(act.error, OmoiError)] == ["version_conflict"]
    assert [row.version for row in Workflow.objects.filter(name="quick")] == [2, 1]


@pytest.mark.parametrize(
    "name", ["nothing", "simple\u200b", "SIMPLE", "../simple", "simple\x00", "x" * 400, "%F0%9F%98%80"]
)
def test_an_unknown_or_invisible_name_is_not_found(operator, client, name):
    calls = api_of(operator)
    client.force_login(operator)
    for at in (f"/workflows/{name}", f"/workflows/{name}/versions"):
        assert calls.get(at).status_code == 404, at
    for at in (f"/workflows/{name}/", f"/workflows/{name}/tickets/", f"/workflows/{name}/?version=1"):
        assert client.get(at).status_code in (400, 404), at
