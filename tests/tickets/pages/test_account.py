"""Saved views and settings of a person: their own, checked, and shown in the frame of every page."""

from __future__ import annotations

import re
from functools import partial

import pytest

from agents.models import SavedView
from agents.models.saved_view import MOST
from omoi_site.errors import Invalid
from tests.support.concurrency import meanwhile
from tests.support.html import squeeze

pytestmark = pytest.mark.django_db

BOARD = "/board/?project=OMO&state=failed&filter=1&q="


@pytest.fixture
def page(client, operator, project):
    client.force_login(operator)
    return client


def text(answer):
    return squeeze(answer.content.decode())


def views():
    return list(SavedView.objects.order_by("name").values_list("user__username", "name", "path", "query"))


def test_a_view_is_saved_once_shown_everywhere_renamed_and_deleted(page, operator):
    assert f"/account/save-view/?from={'/board/%3Fproject%3DOMO'}" in text(page.get("/board/?project=OMO"))
    asked = text(page.get("/account/save-view/", {"from": BOARD}))
    form = {"from": BOARD, "name": " Failed ", "once": re.search(r'name="once" value="([^"]+)"', asked)[1]}

    answers = [page.post("/account/save-view/", form) for _ in range(2)]

    assert {answer["Location"] for answer in answers} == {"/board/?project=OMO&state=failed"}
    assert views() == [(operator.username, "Failed", "/board/", "project=OMO&state=failed")]
    link = '<a href="/board/?project=OMO&amp;state=failed"'
    assert f"{link} >" in text(page.get("/agents/"))
    assert f'{link} aria-current="page">' in text(page.get("/board/?project=OMO&state=failed"))

    pk = SavedView.objects.get().pk
    assert f'id="name-{pk}"' in text(page.get("/account/"))
    assert page.post("/account/", {"act": "rename", "view": pk, "name": "Broken"}).status_code == 302
    assert [name for _, name, _, _ in views()] == ["Broken"]
    assert "Broken was deleted" in text(page.post("/account/", {"act": "remove", "view": pk}, follow=True))
    assert page.post("/account/", {"act": "remove", "view": pk}).status_code == 404
    assert views() == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": ""}, "cannot be blank"),
        ({"name": "\u200b"}, "invisible"),
        ({"name": "x" * 61}, "at most 60"),
        ({"name": "There"}, "You have a view There already"),
        ({"from": "//evil.example/board/"}, "Lists that can be saved"),
        ({"from": "https://evil.example/admin/"}, "Lists that can be saved"),
        ({"from": "http://[/board/"}, "Lists that can be saved"),
        ({"from": "/board/?q=" + "x" * 2_000}, "at most 1500"),
        ({"from": "/board/?" + "&".join(f"a{n}=1" for n in range(200))}, "too many parts"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_kept(page, operator, form, words):
    SavedView.objects.keep("There", "/board/", "", by=operator)

    answer = page.post("/account/save-view/", {"from": BOARD, "name": "Failed", **form})

    assert (answer.status_code, words.lower() in text(answer).lower()) == (422, True), text(answer)
    assert len(views()) == 1


@pytest.mark.parametrize(
    "address", ["javascript:/board/?alert(1):0", "https://evil.example/board/", "//evil.example/board/"]
)
def test_the_way_back_leads_to_a_list_of_ours(page, address):
    assert address not in text(page.get("/account/save-view/", {"from": address}))
    assert 'href="/board/?q=1"' in text(page.get("/account/save-view/", {"from": "/board/?q=1"}))


def test_another_persons_views_are_not_seen_or_changed(page, operator, django_user_model):
    bea = django_user_model.objects.create_user("bea")
    view = SavedView.objects.keep("Hers", "/board/", "", by=bea)

    assert "Hers" not in text(page.get("/account/"))
    for act in ("rename", "remove"):
        assert page.post("/account/", {"act": act, "view": view.pk, "name": "Mine"}).status_code == 404
    assert views() == [("bea", "Hers", "/board/", "")]


def test_a_person_has_so_many_views_and_no_more(page, operator):
    for number in range(MOST):
        SavedView.objects.keep(f"View {number}", "/board/", "", by=operator)
    answer = page.post("/account/save-view/", {"from": BOARD, "name": "One more"})
    assert (answer.status_code, SavedView.objects.count()) == (422, MOST)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_get_the_same_name_at_once_the_second_is_told(operator):
    first, second = (SavedView.objects.keep(name, "/board/", "", by=operator) for name in ("One", "Two"))
    rename = partial(SavedView.objects.rename, second.pk, "Same", by=operator)
    with meanwhile(rename) as other:
        SavedView.objects.rename(first.pk, "Same", by=operator)
    with pytest.raises(Invalid, match="you have a view Same already"):
        other.answer()


def test_single_letters_are_turned_off_and_on(page):
    assert "data-no-letters" not in text(page.get("/board/"))
    page.post("/account/", {"act": "letters"})
    assert "data-no-letters" in text(page.get("/board/"))
    page.post("/account/", {"act": "letters", "letters": "on"})
    assert "data-no-letters" not in text(page.get("/board/"))
    assert page.post("/account/", {"act": "nothing"}).status_code == 404
