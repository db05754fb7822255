"""What a web process does from its start to its end, in a process of its own: it forgets keys when rights
change, and writes at the end who was heard from.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from agents.models import Agent, Key
from omoi_site.database import sql
from tests.support import ROOT, children
from tests.support.cluster import environment

pytestmark = pytest.mark.django_db(transaction=True)

LIFE = """
import asyncio
import sys

import django

django.setup()
from agents.models import Agent, key_cache
from agents.models.activity import activity
from omoi_site import asgi

key_cache.TRUSTED_S = float("inf")
key, text = sys.argv[1:]


async def live():
    messages, started = asyncio.Queue(), asyncio.Event()

    async def send(message):
        started.set()

    messages.put_nowait({"type": "lifespan.startup"})
    life = asyncio.create_task(asgi.lifespan(messages.get, send))
    await started.wait()
    known = await asgi.threads.run(lambda: key_cache.keys.find(text, to_read=True))
    print("known", flush=True)
    await asgi.threads.run(sys.stdin.readline)
    while WAITS and key_cache.keys.known:
        await asyncio.sleep(0.02)
    print("went on", flush=True)
    activity.note(known.agent, int(key))
    messages.put_nowait({"type": "lifespan.shutdown"})
    await life


asyncio.run(live())
"""


@pytest.fixture
def key(ada, operator):
    return Key.objects.issue(by=operator, agent=ada)


def life(key, *, waits):
    """The process, once it knows the key. waits: until it has forgotten it."""
    script = LIFE.replace("WAITS", str(waits))
    process = children.start(
        [sys.executable, "-c", script, str(key[0].pk), key[1]],
        cwd=ROOT,
        env={**environment(), "DJANGO_SETTINGS_MODULE": "omoi_site.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "known\n"
    return process


@pytest.mark.full
@pytest.mark.parametrize("change", ["revoke", "quarantine", "leave"])
def test_keys_are_forgotten_when_rights_change(key, ada, operator, change):
    process = life(key, waits=True)
    if change == "revoke":
        Key.objects.filter(pk=key[0].pk).revoke(by=operator)
    elif change == "quarantine":
        Agent.objects.act(ada.pk, "quarantine", by=operator, reason="strange")
    else:
        Agent.objects.act(ada.pk, "edit", by=operator, projects=[])
    assert process.communicate("\n", timeout=30) == ("went on\n", None)


@pytest.mark.full
def test_who_was_heard_from_in_the_last_second_is_written_at_the_end(key, ada):
    process = life(key, waits=False)
    sql.rows("UPDATE agents_agentpresence SET last_seen_at = clock_timestamp() - interval '1 hour'")
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    [seen] = sql.rows("SELECT clock_timestamp() - last_seen_at < '1 minute' AS now FROM agents_agentpresence")
    assert seen == {"now": True}
    key[0].refresh_from_db()
    assert key[0].last_used_at
