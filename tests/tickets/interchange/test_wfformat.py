"""A WfFormat document is imported as one ticket, whole or not at all."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from omoi_site.errors import OmoiError
from tests.support.external import unavailable
from tickets import interchange
from tickets.models import Need, Task, Ticket

pytestmark = pytest.mark.django_db
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "montage-2mass-015d.json"


def document(**more):
    tasks = [
        {"id": "a", "name": "fetch_ID1", "parents": [], "children": ["b"]},
        {"id": "b", "name": "join_ID2", "parents": ["a"], "children": []},
        {"id": "c", "name": "join_ID3", "parents": ["a"]},
    ]
    ran = [
        {"id": "a", "runtimeInSeconds": 2.5, "command": {"program": "fetch"}},
        {"id": "b", "runtimeInSeconds": 1},
    ]
    return {
        "name": "small",
        "schemaVersion": "1.5",
        "workflow": {"specification": {"tasks": tasks}, "execution": {"tasks": ran}},
        **more,
    }


def brought(project, found, **how):
    text = found if isinstance(found, bytes) else json.dumps(found).encode()
    return interchange.run("wfformat", io.BytesIO(text), project=project, by="system:tests", **how).as_dict()


def test_tasks_edges_and_run_times_come_in_once(project):
    told = brought(project, document())
    assert (told["tickets"]["new"], told["tasks"], told["needs"]) == (1, 3, 2)
    ticket = Ticket.objects.get()
    assert (ticket.title, ticket.phase, ticket.workflow.name) == ("small", "TODO", "simple")
    assert list(Task.objects.order_by("id").values_list("title", "kind", "work_s")) == [
        ("fetch_ID1", "fetch", 2.5),
        ("join_ID2", "join", 1.0),
        ("join_ID3", "join", None),
    ]
    assert Task.objects.ready().count() == 1
    assert told["warnings"] == ["tasks without a run time; 0 is assumed: 1"]

    again = brought(project, document())

    assert (again["tickets"]["new"], again["tickets"]["known"], Task.objects.count()) == (0, 1, 3)


def test_a_claim_tells_how_long_the_work_took(project, ada):
    brought(project, document())
    [claim] = Task.objects.claim(by=ada)
    assert claim.brief["work_s"] == 2.5


def test_a_dry_run_keeps_nothing(project):
    assert brought(project, document(), dry_run=True)["tickets"]["new"] == 1
    assert not Ticket.objects.exists()


def cycle():
    found = document()
    found["workflow"]["specification"]["tasks"][0]["parents"] = ["b"]
    return found


def changed(*path, to):
    found = document()
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return found


TASKS = ("workflow", "specification", "tasks")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe{", "UTF-8"),
        (b"[]", "not a JSON object"),
        (b'{"name": "x", "workflow": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}", "nested deeper"),
        ({"name": "x"}, "workflow"),
        (changed("schemaVersion", to="0.9"), "schemaVersion"),
        (changed(*TASKS, to=[]), "workflow.specification.tasks"),
        (changed(*TASKS, 0, "id", to="b"), "twice"),
        (changed(*TASKS, 0, "children", to=["z"]), "there is no task z"),
        (changed(*TASKS, 0, "name", to="\0"), "NUL"),
        (changed(*TASKS, 0, "name", to="\ud800"), "surrogate"),
        (changed("workflow", "execution", "tasks", 0, "command", to={"program": "\0"}), "NUL"),
        (changed("workflow", "execution", "tasks", 0, "runtimeInSeconds", to=-1), "runtimeInSeconds"),
        (changed("workflow", "execution", "tasks", 0, "runtimeInSeconds", to="long"), "runtimeInSeconds"),
        (cycle(), "a -> b -> a"),
        (b" " * (50 * 2**20 + 1), "larger than 50 MiB"),
    ],
)
def test_a_document_that_cannot_be_leaves_nothing_behind(project, found, says):
    with pytest.raises(OmoiError) as refusal:
        brought(project, found)
    assert says in refusal.value.message.replace("b -> a -> b", "a -> b -> a")
    assert not Ticket.objects.exists()


def test_a_real_workflow_comes_in_with_every_edge(project, django_assert_max_num_queries):
    if not REAL.exists():
        unavailable("data", "put montage-2mass-015d.json of wfcommons/WfInstances into ../shared/data")
    with django_assert_max_num_queries(60):
        told = brought(project, REAL.read_bytes())
    assert (told["tasks"], told["needs"]) == (310, 798)
    assert Need.objects.count() == 798
    assert round(sum(Task.objects.values_list("work_s", flat=True)), 3) == 854.867
