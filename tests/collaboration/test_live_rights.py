"""Rights that change while a page is open are noticed without its doing."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from agents.models import Member
from agents.models.following import changed_since
from collaboration import consumers
from omoi_site.hub import Change, Hub
from omoi_site.threads import Threads

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer(django_user_model, project):
    viewer = django_user_model.objects.create_user("vera", password=None)
    Member.objects.create(project=project, user=viewer, role="viewer")
    return viewer


@pytest.fixture
def threads():
    threads = Threads(1)
    threads.start()
    yield threads
    threads.stop()


def watched(monkeypatch, threads, viewer, change):
    """What a page of OMO and TWO is sent after `change` of its rights and a ring of both."""
    monkeypatch.setattr(consumers, "RECHECK_S", 0.02)
    client, hub, cursor = Client(), Hub(), changed_since("").cursor
    client.force_login(viewer)

    async def scenario():
        headers = {"host": "localhost", "origin": "http://localhost", "cookie": f"sessionid={client.cookies['sessionid'].value}"}
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "http_version": "1.1",
            "raw_path": b"/ws/live/",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        page = ApplicationCommunicator(consumers.LiveConsumer.as_asgi(hub=hub, threads=threads), scope)
        await page.send_input({"type": "websocket.connect"})
        assert (await page.receive_output(5))["type"] == "websocket.accept"
        for asked in ({"topics": ["project:OMO", "project:TWO"], "cursor": cursor}, {}):
            await page.send_input({"type": "websocket.receive", "text": json.dumps(asked)})
        assert (await page.receive_output(5))["text"] == "{}"
        await threads.run(change)
        async with asyncio.timeout(5):
            while "project:OMO" in hub.followers:
                await asyncio.sleep(0.01)
        await hub.ring(Change(frozenset({"project:OMO", "project:TWO"}), cursor))
        told = await page.receive_output(5)
        await page.send_input({"type": "websocket.disconnect", "code": 1000})
        await page.wait(5)
        return told

    return asyncio.run(scenario())


def test_a_page_of_someone_who_signed_out_is_closed(monkeypatch, threads, viewer):
    from django.contrib.sessions.models import Session

    told = watched(monkeypatch, threads, viewer, Session.objects.all().delete)

    assert told == {"type": "websocket.close", "code": 4401, "reason": "signed out: sign in again"}


def test_a_member_who_was_taken_out_hears_of_the_rest_alone(monkeypatch, threads, viewer, operator, project):
    from agents.models import Project

    Member.objects.create(project=Project.objects.found(key="TWO", by=operator), user=viewer, role="viewer")

    told = watched(monkeypatch, threads, viewer, Member.objects.filter(project=project).delete)

    assert json.loads(told["text"])["topic"] == "project:TWO"
