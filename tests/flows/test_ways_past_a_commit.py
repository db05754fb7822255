"""Ways to open a gate that reads commits without the commit it asks for; none leads past it.

The gate wants a file in the commit, the commit on `main`, and reports of that commit. What each way lacks is
the one thing: the right file, the right branch, or a report of the right commit.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from agents.models import Event, Member, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tests.factories import allow_workflow, submit
from tests.support import origins, reports
from tests.support.api_client import api_of
from tests.support.origins import Origin
from tickets.git.mirror import room
from tickets.models import NewRepository, Repository, Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "docs/design.md"
GOOD, WITHOUT = {PATH: "## Decisions\n"}, {"README.md": "# Shop\n"}
GATE = [
    {"check": "file_exists", "path": PATH},
    {"check": "commit_on_branch", "branch": "main"},
    {"check": "evidence_of_commit"},
]


@dataclass
class Scene:
    origin: Origin
    repository: Repository
    ticket: Ticket
    project: Project
    operator: Any
    ada: Any
    people: Any

    def hand_in(self, commit: str, *, report: str | None = None) -> None:
        """A change that names the commit, and a test report of it."""
        submit(self.ticket, "code_changes", reports.changes(PATH, commit=commit), by=self.ada, commit=commit)
        of = commit if report is None else report
        submit(self.ticket, "test_results", reports.junit(3), by=self.ada, commit=of)

    def go(self) -> Any:
        return Ticket.objects.move(self.ticket.pk, "DONE", by=self.operator)

    def member(self, role: str) -> Any:
        user = self.people.objects.create_user(role)
        Member.objects.set(self.project, user, role, by=self.operator)
        return user


@pytest.fixture
def scene(project, operator, ada, django_user_model):
    phases = [{"name": "WORK", "to": ["DONE"], "gate": GATE}, {"name": "DONE", "to": []}]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "of_commits", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("Design it", workflow=workflow), by=operator)
    with origins.origin() as origin:
        origin.commit(WITHOUT)
        added = Repository.objects.add(project, NewRepository("shop", origin.url), by=operator)
        yield Scene(origin, added, ticket, project, operator, ada, django_user_model)


WAYS: dict[str, Callable[[Scene], Any]] = {}


def way(act: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
    WAYS[act.__name__] = act
    return act


@way
def a_commit_that_nobody_pushed(scene):
    scene.hand_in("f" * 40)


@way
def the_name_of_a_branch(scene):
    scene.origin.commit(GOOD)
    submit(scene.ticket, "test_results", reports.junit(1), by=scene.ada, commit="main")


@way
def a_branch_named_like_a_hash(scene):
    good = scene.origin.commit(GOOD)
    scene.origin.git("update-ref", f"refs/heads/{'a' * 40}", good)
    scene.hand_in("a" * 40)


@way
def a_tag_object_in_place_of_a_commit(scene):
    scene.origin.git("tag", "-a", "v1", "-m", "one", scene.origin.commit(GOOD))
    tag = scene.origin.git("rev-parse", "v1")
    scene.origin.git("update-ref", "refs/heads/main", scene.origin.tip("main"))
    scene.hand_in(tag)


@way
def the_beginning_of_two_hashes(scene):
    scene.origin.commit(GOOD)
    scene.hand_in("0000000")


@way
def a_symbolic_link_to_a_real_file(scene):
    link = scene.origin.blob(b"/etc/passwd")
    docs = scene.origin.tree(f"120000 blob {link}\tdesign.md")
    scene.hand_in(scene.origin.commit(tree=scene.origin.tree(f"040000 tree {docs}\tdocs")))


@way
def a_folder_that_is_a_link_to_the_real_one(scene):
    real = scene.origin.tree(f"100644 blob {scene.origin.blob(b'x')}\tdesign.md")
    link = scene.origin.blob(b"real")
    tree = scene.origin.tree(f"120000 blob {link}\tdocs", f"040000 tree {real}\treal")
    scene.hand_in(scene.origin.commit(tree=tree))


@way
def the_file_in_other_letters(scene):
    scene.hand_in(scene.origin.commit({"docs/Design.md": "x", "DOCS/design.md": "x"}))


@way
def the_right_commit_on_another_branch(scene):
    scene.hand_in(scene.origin.commit(GOOD, branch="side"))


@way
def a_branch_that_is_moved_back_after_the_verdict(scene):
    before = scene.origin.tip("main")
    scene.hand_in(scene.origin.commit(GOOD))
    assert Ticket.objects.judge(pk=scene.ticket.pk, by=scene.operator).passed
    scene.origin.git("update-ref", "refs/heads/main", before)


@way
def another_commit_after_the_verdict(scene):
    scene.hand_in(scene.origin.commit(GOOD))
    assert Ticket.objects.judge(pk=scene.ticket.pk, by=scene.operator).passed
    scene.hand_in(scene.origin.commit(WITHOUT))


@way
def a_report_of_another_commit(scene):
    other = scene.origin.tip("main")
    scene.hand_in(scene.origin.commit(GOOD), report=other)


@way
def a_report_of_no_commit(scene):
    scene.hand_in(scene.origin.commit(GOOD), report="")


@way
def a_repository_of_another_project(scene):
    with origins.origin("other.git") as other:
        theirs = Project.objects.create_project(ProjectSpec("OTH"), by=scene.operator)
        added = Repository.objects.add(theirs, NewRepository("shop", other.url), by=scene.operator)
        good = other.commit(GOOD)
        Repository.objects.fetch(added.pk, by=scene.operator)
        scene.hand_in(good)


@way
def a_repository_that_cannot_be_fetched_any_more(scene):
    good = scene.origin.commit(GOOD)
    scene.hand_in(good)
    Repository.objects.fetch(scene.repository.pk, by=scene.operator)
    scene.origin.folder.rename(scene.origin.folder.with_name("away.git"))


@way
def another_repository_by_who_may_not(scene):
    """An agent, an operator, an approver: by REST, on the page, in the admin."""
    with origins.origin("fork.git") as fork:
        scene.hand_in(fork.commit(GOOD))
        for who in (scene.ada, scene.member("operator"), scene.member("approver")):
            answer = api_of(who).patch("/projects/OMO/repositories/shop", {"url": fork.url})
            assert answer.status_code == 403
        browser = Client()
        browser.force_login(scene.people.objects.get(username="operator"))
        form = {"url": fork.url, "base": "main"}
        for page in ("edit", "remove"):
            assert browser.post(f"/repositories/{scene.repository.pk}/{page}/", form).status_code == 403
        at = f"/admin/tickets/repository/{scene.repository.pk}/change/"
        assert browser.post(at, form).status_code in (302, 403)
        assert Repository.objects.get(pk=scene.repository.pk).url == scene.origin.url


@way
def an_address_that_git_would_run(scene):
    """Written past the verb: each fetch reads the address anew."""
    mark = scene.origin.folder.with_name("ran")
    scene.hand_in("f" * 40)
    for url in (f"ext::touch {mark}", f"--upload-pack=touch {mark}", f"file://{settings.OMOI_HOME}/mirrors"):
        sql.rows("UPDATE tickets_repository SET url = %s, tried_at = NULL", [url])
        fetched = Repository.objects.fetch(scene.repository.pk, by=scene.operator)
        assert fetched.fault["code"] == "bad_repository_address"
    assert not mark.exists()


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_past_the_gate(scene, name):
    WAYS[name](scene)

    with pytest.raises(OmoiError) as refused:
        scene.go()

    assert refused.value.code == "gate_closed"
    assert Ticket.objects.get(pk=scene.ticket.pk).phase == "WORK"
    assert Event.objects.filter(kind="ticket.move_refused").exists()


def test_the_right_commit_does(scene):
    scene.hand_in(scene.origin.commit(GOOD))

    assert scene.go().to_phase == "DONE"


def test_nobody_else_can_write_or_read_the_mirrors():
    assert stat.S_IMODE(os.stat(room()).st_mode) == 0o700
