"""The ASGI application of the one port.

It answers health checks itself and passes sockets to Channels. Other requests go to Django's WSGI handler in
the request threads; those that hash a password have threads of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omoi_site.settings")
wsgi = get_wsgi_application()

from channels.routing import URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.db.backends.signals import connection_created  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from agents.models import Event  # noqa: E402
from agents.models.activity import activity  # noqa: E402
from agents.models.journal_follower import JournalFollower  # noqa: E402
from agents.models.key_cache import keys  # noqa: E402
from collaboration.live import access  # noqa: E402
from collaboration.live.consumers import LiveConsumer  # noqa: E402
from omoi_site.api import fast  # noqa: E402
from omoi_site.brokers import hints  # noqa: E402
from omoi_site.database import location, role_check  # noqa: E402
from omoi_site.serving import memory  # noqa: E402
from omoi_site.serving.asgi_send import Send, put_when_taken  # noqa: E402
from omoi_site.serving.client_limits import Bounds  # noqa: E402
from omoi_site.serving.journal_listener import JournalListener  # noqa: E402
from omoi_site.serving.live_hub import Hub  # noqa: E402
from omoi_site.serving.readiness import Readiness, database, embedded_server, migrations  # noqa: E402
from omoi_site.serving.request_body import Patience, Receive, Scope  # noqa: E402
from omoi_site.serving.request_threads import Threads  # noqa: E402
from omoi_site.serving.sign_in_threads import WAITING, SignInBridge, hashes_a_password  # noqa: E402
from omoi_site.serving.thread_share import ThreadShare  # noqa: E402
from omoi_site.serving.wsgi_bridge import Bridge  # noqa: E402
from tickets.runtime import advance_sweep, isolation, sweeps, wait_sweep  # noqa: E402

ACTIVITY_S = 1.0  # between two writings of who was heard from
log = logging.getLogger(__name__)


def bound(sender: Any, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Limit how long a request may hold its thread, a lock or a transaction."""
    limits = {"statement_timeout": "10s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "30s"}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in limits.items())
        )


connection_created.connect(bound)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})


memory.keep_little()
threads = Threads(settings.REQUEST_THREADS, begin=connection.ensure_connection)  # so no request waits for it
sign_in_threads = Threads(
    settings.SIGN_IN_THREADS, waiting=WAITING, begin=connection.ensure_connection, name="sign-in"
)
bounds = Bounds(connections=settings.CONNECTIONS, waits=settings.WAITS, body_bytes=settings.BODY_MIB << 20)
hub = Hub(bounds.waits)
through_django = Bridge(
    wsgi,
    threads,
    long_polls=hub.long_polls,
    patience=Patience(total_s=settings.BODY_S),
    bounds=bounds,
    asks=True,
)
through_django.fast = fast
signing_in = SignInBridge(wsgi, sign_in_threads)
readiness = Readiness(
    {
        "embedded_server": lambda: embedded_server(settings.OMOI_HOME),
        "database": database,
        "migrations": migrations,
        "broker": hints.health,
        "clock": sweeps.health,
        "journal": Event.objects.health,
    },
    warnings={
        "roles": role_check.warning,
        "isolation": isolation.warning,
        "automatic_moves": advance_sweep.warning,
        "waits": wait_sweep.warning,
    },
)


def database_lost() -> None:
    threads.renew()
    sign_in_threads.renew()
    readiness.thread.renew()


journal_listener = JournalListener(
    hub,
    JournalFollower(rights_changed=keys.forget),
    access.recheck,
    lambda: location.libpq(settings.DATABASES["default"]),
    lost=database_lost,
)
live_threads = ThreadShare(threads, max(1, threads.count // 2))
routes: list[Any] = [
    path("ws/live/", LiveConsumer.as_asgi(hub=hub, threads=live_threads)),
    re_path("", nowhere),  # type: ignore[arg-type]
]
sockets = URLRouter(routes)
draining = False


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    kind, address = scope["type"], scope.get("path", "")
    if kind == "lifespan":
        await lifespan(receive, send)
    elif kind == "websocket":
        await sockets(scope, receive, send)
    elif address == "/healthz":
        await answer(
            send,
            200,
            {
                "alive": True,
                "busy": threads.busy,
                "signing_in": sign_in_threads.busy,
                "waiting": hub.long_polls.waiting,
            },
        )
    elif address == "/readyz":
        await answer(send, *await ready())
    elif hashes_a_password(scope):
        await signing_in(scope, receive, send)
    else:
        await through_django(scope, receive, send)


async def ready() -> tuple[int, dict[str, Any]]:
    results = await readiness.ask()
    warnings = {name: text for name in readiness.warnings if (text := results.pop(name))}
    checks = results | {
        "live": journal_listener.health(),
        "draining": "this process is stopping" if draining else "",
    }
    fine = not any(checks.values())
    return 200 if fine else 503, {"ready": fine, "checks": checks, "warnings": warnings}


async def write_activity() -> None:
    """Write when agents were last heard from, once a second."""
    while True:
        await asyncio.sleep(ACTIVITY_S)
        try:
            await threads.run(activity.write)
        except Exception as error:  # it is kept for the next time
            log.warning("when agents were last heard from could not be written: %s", type(error).__name__)


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    gc.collect()
    # the modules loaded by now live as long as the process: the garbage collector need not check them again
    gc.freeze()
    threads.start()
    sign_in_threads.start()
    readiness.thread.start()
    journal_listener.start()
    activity.gathers = True
    writing = asyncio.create_task(write_activity(), name="activity")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await journal_listener.stop()
    writing.cancel()
    with contextlib.suppress(Exception):  # the database is away: the last second is lost
        await threads.run(activity.write)
    threads.stop()
    sign_in_threads.stop()
    readiness.thread.stop()
    await send({"type": "lifespan.shutdown.complete"})


def drain() -> None:
    """The server calls this before it closes the port."""
    global draining
    draining = True
    hub.drain()


async def answer(send: Send, status: int, document: dict[str, Any]) -> None:
    """Answers from the event loop, so it works even when every thread is busy or the database is away."""
    text = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(text)),
        (b"cache-control", b"no-store"),
    ]
    await put_when_taken(send, {"type": "http.response.start", "status": status, "headers": headers})
    await put_when_taken(send, {"type": "http.response.body", "body": text})
