"""Pages that stop reading."""

from __future__ import annotations

import json
import time

import pytest

from agents.models.following import changed_since
from omoi_site import db
from tests.web import Web, narrow, narrow_listener, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def narrow_web(django_db_setup):
    with narrow_listener() as listener:
        web = Web(listener)
    yield web
    web.stop()


def narrow_page(web, user):
    end = narrow()
    end.connect(("127.0.0.1", web.port))
    return web.page(user, sock=end)


def write_events(project: int, topics: list[str]) -> None:
    db.rows(
        """INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
           SELECT %s, topic, topic, 1, 'ticket.touched', 'system:test', '', '{}', '' FROM unnest(%s::text[]) topic""",
        [project, topics],
    )


def test_pages_that_do_not_read_delay_nobody_and_are_told_to_start_over(narrow_web, operator, project):
    """3 of 50 stop reading: the others hear every signal, and at once."""
    topics = [f"ticket:OMO-{number:0100}" for number in range(200)]
    deaf = [narrow_page(narrow_web, operator) for _ in range(3)]
    others = [narrow_web.page(operator) for _ in range(47)]
    for each in [*deaf, *others]:
        each.follow("project:OMO")
    for each in deaf:
        each.socket.send(json.dumps({"topics": topics, "cursor": changed_since("").cursor}))
    page = narrow_web.page(operator)
    page.follow(topics[-1])

    slowest = 0.0
    for _ in range(40):
        write_events(project.pk, topics)
        committed = time.monotonic()
        for each in others:
            assert each.next() == "project:OMO"
        slowest = max(slowest, time.monotonic() - committed)
        assert page.next() == topics[-1]
    assert slowest < 1

    for each in deaf:
        heard = [each.next() for _ in range(201)]
        while heard[-1] != "resync":
            heard.append(each.next())
        assert len(heard) < 40 * len(topics)
        assert each.follow(*topics, cursor=each.cursor) != []
    for each in [*deaf, *others]:
        each.close()


@pytest.mark.full
def test_a_page_that_never_reads_again_is_cut_off(narrow_web, operator, project):
    topics = [f"ticket:OMO-{number:0100}" for number in range(200)]
    deaf = narrow_page(narrow_web, operator)
    deaf.follow(*topics)
    page = narrow_web.page(operator)
    page.follow(topics[-1])
    for _ in range(40):
        write_events(project.pk, topics)
        assert page.next() == topics[-1]

    before = narrow_web.connections()
    until(lambda: narrow_web.connections() < before, seconds=15)
