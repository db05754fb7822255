"""Requests that hash a password: a few threads of its own, because hashing one takes most of a second of a
core.

Whoever sends passwords, however many and however fast, takes these threads and no other. Of one address only
a few wait in line, so that it cannot fill the line either. How often a password may be tried at all is
counted in the database, for all processes.
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

# Every address whose POST hashes a password; what is refused or redirected there is not worth telling apart.
HASHES = re.compile(r"/login/|/admin/password_change/|/admin/auth/user/(?:add|[^/]+/password)/")
WAITING = 16  # in line beyond the threads
AT_ONCE = 3  # of one address, running and in line


class TooManyAtOnce(OmoiError):
    """This address has several passwords in line already."""

    code = "limit_reached"
    status = 429
    title = "Too many sign-ins at once from your address"
    next_action = "Try again after a second."


def hashes_a_password(scope: Scope) -> bool:
    return (
        scope["type"] == "http" and scope["method"] == "POST" and HASHES.fullmatch(scope["path"]) is not None
    )


class SignInBridge(Bridge):
    """The bridge for requests that hash a password."""

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
