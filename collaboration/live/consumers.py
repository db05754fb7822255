"""The live socket: it checks who may listen, joins topics, and passes signals on. It writes nothing.

page     {"topics": ["project:OMO", "ticket:OMO-1"], "cursor": "…"}
         after opening, and whenever the topics of the page change
server   {"topic": …, "cursor": …} for each topic that changed since, or {"topic": "resync", "cursor": …};
         then the same as things happen
page     {}, and the server answers {}
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error as DatabaseError

from agents.models import access_log
from agents.models.journal_changes import changed_since
from agents.models.journal_cursor import LONGEST
from collaboration.live.access import Viewer, may_follow, request_of, same_origin, viewer
from omoi_site.errors import OmoiError
from omoi_site.serving.asgi_send import Send, cut_off
from omoi_site.serving.client_address import network
from omoi_site.serving.client_limits import TooMuchAtOnce
from omoi_site.serving.error_answers import refusal
from omoi_site.serving.journal_change import Change
from omoi_site.serving.live_hub import PATIENCE_S, Follower, Hub
from omoi_site.serving.request_body import Receive, Scope
from omoi_site.serving.thread_share import ThreadShare

MOST_TOPICS, LONGEST_TOPIC = 1000, 120
MOST_MESSAGES, SPAN_S = 60, 10.0

OVER = "you are signed out; sign in again"
AGAIN_LATER, MALFORMED, SIGNED_OUT, FORBIDDEN, TOO_MANY = 1013, 4400, 4401, 4403, 4429

log = logging.getLogger(__name__)


class Refused(Exception):
    """The socket is closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class LiveConsumer(AsyncWebsocketConsumer):
    """One open page of a signed-in person."""

    channel_layer_alias = None  # the hub replaces a queue and a task for each socket

    def __init__(self, *, hub: Hub, threads: ThreadShare) -> None:
        super().__init__()
        self.hub, self.threads = hub, threads
        self.closed = False
        self.principal = ""  # the principal it is counted for
        self.count, self.span_ends = 0, 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.follower = Follower(send, sign_out=self.sign_out)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.closed = True
            self.hub.leave(self.follower)
            if self.principal:
                self.hub.waits.give_back(self.principal)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Skips Channels' call in its database thread before every message: nothing here has a connection."""
        try:
            await getattr(self, message["type"].replace(".", "_"))(message)
        except Refused as refused:
            if message["type"] == "websocket.connect":
                access_log.note(
                    "socket_refused",
                    address=network((self.scope.get("client") or ("",))[0]),
                    reason=refused.reason,
                )
                if isinstance(refused.__cause__, TooMuchAtOnce):
                    return await self.turn_away(refused.__cause__)
            await self.end(refused.code, refused.reason)

    async def connect(self) -> None:
        self.request: WSGIRequest = request_of(self.scope)
        try:
            welcome = same_origin(self.request)
        except DisallowedHost:
            welcome = False
        if not welcome:
            raise Refused(FORBIDDEN, "this page is from another site")
        if settings.SESSION_COOKIE_NAME not in self.request.COOKIES:  # nobody: not worth a place in the queue
            raise Refused(SIGNED_OUT, OVER)
        await self.in_a_thread(self.check, ())
        principal = f"user:{self.follower.viewer.user}"
        try:
            self.hub.waits.take(principal)
        except TooMuchAtOnce as error:
            raise Refused(TOO_MANY, error.message) from error
        self.principal = principal
        self.hub.enter(self.follower)  # from here on the hub notices a sign-out
        await (
            self.accept()
        )  # a refusal before this is a 403, so that a page that tries again and again slows down

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.closed:
            return
        self.count_message()
        topics, cursor = parse(text_data)
        if topics is None:
            await self.send("{}")
        else:
            self.hub.join(self.follower, topics)
            allowed, change = await self.in_a_thread(self.look_up, topics, cursor)
            if not self.closed:  # signed out in the meantime
                self.hub.start_delivery(self.follower, allowed, change)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        raise StopConsumer

    def check(self, topics: Iterable[str]) -> set[str]:
        """Which of these topics the viewer may follow now. It runs in a request thread."""
        if not (user := viewer(self.request)):
            raise Refused(SIGNED_OUT, OVER)
        self.follower.viewer = Viewer.of(self.request, user)
        return may_follow(user, topics)

    def look_up(self, topics: list[str], cursor: str) -> tuple[set[str], Change]:
        return self.check(topics), changed_since(cursor)

    async def in_a_thread(self, call: Any, *args: Any) -> Any:
        try:
            return await self.threads.run(call, *args)
        except (OmoiError, DatabaseError) as error:
            raise Refused(AGAIN_LATER, "try again in a moment") from error

    async def turn_away(self, error: OmoiError) -> None:
        """Answer the handshake with a problem document instead of opening the socket."""
        self.closed = True
        headers, text = refusal(error)
        await self.base_send(
            {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
        )
        await self.base_send({"type": "websocket.http.response.body", "body": text})

    async def sign_out(self) -> None:
        await self.end(SIGNED_OUT, OVER)

    def count_message(self) -> None:
        if (now := time.monotonic()) > self.span_ends:
            self.count, self.span_ends = 0, now + SPAN_S
        self.count += 1
        if self.count > MOST_MESSAGES:
            raise Refused(TOO_MANY, f"more than {MOST_MESSAGES} messages in {SPAN_S:.0f} s")

    async def end(self, code: int, reason: str) -> None:
        """Close with a reason; cut off a client that does not read."""
        if self.closed:
            return
        self.closed = True
        self.hub.leave(self.follower)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.close(code, reason)
        except TimeoutError:
            cut_off(self.base_send)


def parse(text: str | None) -> tuple[list[str] | None, str]:
    """Topics and cursor of a page's message; None instead of topics for a ping."""
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Refused(MALFORMED, "send a JSON object as text")
    if not message:
        return None, ""
    topics, cursor = message.get("topics"), message.get("cursor") or ""
    if not isinstance(topics, list) or not all(
        isinstance(topic, str) and 0 < len(topic) <= LONGEST_TOPIC for topic in topics
    ):
        raise Refused(MALFORMED, f"topics must be a list of names of at most {LONGEST_TOPIC} characters")
    if len(topics) > MOST_TOPICS:
        raise Refused(MALFORMED, f"topics: at most {MOST_TOPICS} are allowed")
    if not isinstance(cursor, str) or len(cursor) > LONGEST:
        raise Refused(MALFORMED, "cursor must be the text from the page or from the last signal")
    return [
        topic for topic in topics if topic.isprintable()
    ], cursor  # drop characters that the database cannot store
