"""Requests that hash a password have a few threads of their own, because one hash keeps a core busy for most
of a second.

A client that sends many passwords can use up only these threads. Only a few requests of one address may wait,
so one client cannot fill the queue. The limit of tries is counted in the database, for all processes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from omoi_site.errors import OmoiError
from omoi_site.serving.asgi_send import Send
from omoi_site.serving.client_address import network
from omoi_site.serving.request_body import CHUNK, Receive, Scope
from omoi_site.serving.request_threads import Threads
from omoi_site.serving.wsgi_bridge import Bridge

# Every path whose POST may hash a password, including requests that are then refused or redirected.
HASHES = re.compile(r"/login/|/admin/password_change/|/admin/auth/user/(?:add|[^/]+/password)/")
WAITING = 16  # may wait for a thread
AT_ONCE = 3  # of one address, running and waiting


class TooManyAtOnce(OmoiError):
    """This address already has several sign-ins waiting."""

    code = "limit_reached"
    status = 429
    title = "Too many sign-ins at once from your address"
    next_action = "Try again after a second."


def hashes_a_password(scope: Scope) -> bool:
    return (
        scope["type"] == "http" and scope["method"] == "POST" and HASHES.fullmatch(scope["path"]) is not None
    )


class SignInBridge(Bridge):
    """Passes requests that hash a password to their own threads."""

    limit = CHUNK

    def __init__(self, wsgi: Any, threads: Threads) -> None:
        super().__init__(wsgi, threads)
        self.at_once: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = network((scope.get("client") or ("",))[0])
        if self.at_once[address] >= AT_ONCE:
            return await self.refuse(scope, send, TooManyAtOnce(), receive)
        self.at_once[address] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.at_once[address] -= 1
            if not self.at_once[address]:
                del self.at_once[address]
