"""Pages that stop reading."""

from __future__ import annotations

import json
import time

import pytest

from agents.models.journal_changes import changed_since
from tests.support.wait import until
from tests.support.web_process import Web, connections, narrow_end, narrow_listener, write_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def narrow_web(django_db_setup):
    with narrow_listener() as listener:
        web = Web(listener)
    yield web
    web.stop()


@pytest.mark.full
@pytest.mark.alone
def test_pages_that_do_not_read_delay_nobody_and_are_told_to_start_over(narrow_web, operator, project):
    """3 of 50 stop reading: the others get every signal at once."""
    topics = [f"ticket:OMO-{number:0100}" for number in range(200)]
    deaf = [narrow_web.page(operator, sock=narrow_end(narrow_web.port)) for _ in range(3)]
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
    deaf = narrow_web.page(operator, sock=narrow_end(narrow_web.port))
    deaf.follow(*topics)
    page = narrow_web.page(operator)
    page.follow(topics[-1])
    for _ in range(40):
        write_events(project.pk, topics)
        assert page.next() == topics[-1]

    before = connections(narrow_web.port)
    until(lambda: connections(narrow_web.port) < before, seconds=15)
