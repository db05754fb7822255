"""All open pages of a process come back in the same second, for example after a restart."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.test import Client
from websockets.asyncio.client import connect

from agents.models.journal_changes import changed_since
from omoi_site.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = 200
WRITE = (
    "INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)"
    " VALUES (%s, %s, '', 1, 'ticket.edited', 'system:test', '', '{}', '')"
)


@pytest.mark.full
def test_two_hundred_pages_that_subscribe_in_one_instant_all_hear_the_next_change(web, operator, project):
    client = Client()
    client.force_login(operator)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    cursor = changed_since("").cursor
    subscribing = json.dumps({"topics": ["project:OMO"], "cursor": cursor})

    async def page():
        """Open, subscribe and wait until the server has answered that."""
        socket = await connect(
            f"ws://{web.host}/ws/live/",
            origin=f"http://{web.host}",
            additional_headers={"Cookie": cookie},
            compression=None,
            open_timeout=30,
        )
        await socket.send(subscribing)
        await socket.send("{}")
        async with asyncio.timeout(30):
            assert await socket.recv() == "{}"
        return socket

    async def heard(socket):
        async with asyncio.timeout(30):
            return json.loads(await socket.recv())["topic"]

    async def act():
        pages = await asyncio.gather(*(page() for _ in range(PAGES)))
        await asyncio.to_thread(sql.rows, WRITE, [project.pk, "project:OMO"])
        topics = await asyncio.gather(*map(heard, pages))
        await asyncio.gather(*(each.close() for each in pages))
        return topics

    assert asyncio.run(act()) == ["project:OMO"] * PAGES
