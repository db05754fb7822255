"""The page of a project's repositories, as a person without script has it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.support import origins
from tickets.models import NewRepository, Repository

pytestmark = pytest.mark.django_db(transaction=True)
HTTPS = "https://forge.example/team/shop.git"


@pytest.fixture
def desk(client, operator, project):
    client.force_login(operator)
    return client


@pytest.fixture
def shop(project, operator):
    return Repository.objects.add(project, NewRepository("shop", HTTPS), by=operator)


def test_one_is_added_fetched_changed_and_removed(desk, project):
    with origins.origin() as origin:
        origin.commit({"a": "b"})
        form = {"name": "shop", "url": origin.url, "base": "main"}
        added = desk.post("/repositories/add/?project=OMO", form, follow=True)
        [row] = Repository.objects.all()
        fetched = desk.post(f"/repositories/{row.pk}/fetch/", follow=True)
    changed = desk.post(f"/repositories/{row.pk}/edit/", {"url": HTTPS, "base": "trunk"}, follow=True)
    removed = desk.post(f"/repositories/{row.pk}/remove/", follow=True)

    assert "shop was added" in added.content.decode()
    assert "shop is fetched" in fetched.content.decode()
    assert "trunk" in changed.content.decode()
    assert "No repository yet" in removed.content.decode()


def test_a_refused_form_keeps_what_was_typed_and_says_why(desk, project, shop):
    wrong = {"name": "other", "url": "https://ada:secret@forge.example/x", "base": "main"}

    added = desk.post("/repositories/add/?project=OMO", wrong)
    edited = desk.post(f"/repositories/{shop.pk}/edit/", {"url": "ext::sh -c x", "base": "main"})

    assert (added.status_code, edited.status_code) == (422, 422)
    assert 'value="other"' in added.content.decode()
    assert "password or token" in added.content.decode()
    assert 'value="ext::sh -c x"' in edited.content.decode()
    assert Repository.objects.get().url == HTTPS


def test_a_fault_is_shown_with_what_to_do(desk, project, operator, shop):
    Repository.objects.fetch(shop.pk, by=operator)

    page = desk.get("/repositories/?project=OMO").content.decode()

    assert "Fetch failed" in page
    assert Repository.objects.get().fault["next_action"] in page


def test_a_member_without_the_role_reads_only(client, project, operator, shop, django_user_model):
    viewer = django_user_model.objects.create_user("viewer")
    Member.objects.set(project, viewer, "viewer", by=operator)
    client.force_login(viewer)

    page = client.get("/repositories/").content.decode()

    assert "shop" in page
    assert "<form" not in page.partition('id="main"')[2].partition("</main>")[0]
    assert client.post(f"/repositories/{shop.pk}/remove/").status_code == 403
    assert client.post(f"/repositories/{shop.pk}/fetch/").status_code == 403
    assert client.post("/repositories/add/", {"name": "x", "url": HTTPS, "base": "x"}).status_code == 403


def test_without_a_project_the_page_says_how_to_get_one(client, operator, django_user_model):
    client.force_login(operator)
    assert 'href="/new-project/"' in client.get("/repositories/").content.decode()
    client.force_login(django_user_model.objects.create_user("eve"))
    assert "You are not a member of any project" in client.get("/repositories/").content.decode()


def test_others_find_nothing(client, project, shop, django_user_model):
    client.force_login(django_user_model.objects.create_user("eve"))

    for path in ("/repositories/?project=OMO", "/repositories/?project=\x00"):
        assert client.get(path).status_code == 404
    assert client.post(f"/repositories/{shop.pk}/remove/").status_code == 404
    assert client.post("/repositories/add/?project=OMO", {}).status_code == 404


def test_it_takes_the_same_statements_for_many(desk, project, operator, shop):
    def count():
        with CaptureQueriesContext(connection) as asked:
            desk.get("/repositories/?project=OMO")
        return len(asked)

    count()
    few = count()
    for number in range(20):
        Repository.objects.add(project, NewRepository(f"r{number}", HTTPS), by=operator)

    assert count() == few


def test_a_live_part_is_the_part_alone(desk, shop):
    part = desk.get("/repositories/?project=OMO", headers={"HX-Request": "true"}).content.decode()

    assert "repositories-part" in part
    assert "<html" not in part
