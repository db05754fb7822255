"""From the ASGI server to Django's WSGI handler, so that a client never holds a thread.

The body is read before a thread is taken. The thread returns a complete answer, which is sent at the client's
own speed. A view with nothing to answer yet returns `X-Wait: queue… seconds`. The client then waits here, and
the view runs again at each ring of a queue, until it answers or the time is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import IO, Any

from omoi_site.errors import Malformed, OmoiError
from omoi_site.serving import memory
from omoi_site.serving.asgi_send import Send, cut_off, put, put_answer, put_when_taken
from omoi_site.serving.client_address import network
from omoi_site.serving.client_limits import Bounds, TooMuchAtOnce
from omoi_site.serving.error_answers import (
    Crash,
    Headers,
    Stalled,
    StorageFull,
    for_a_person,
    refusal,
    storage_full,
)
from omoi_site.serving.fast_routes import FastRoutes
from omoi_site.serving.long_polls import LongPolls
from omoi_site.serving.request_body import (
    CHUNK,
    LARGE_TIMES,
    LIMIT,
    Gone,
    Patience,
    Receive,
    Scope,
    announced,
    drop,
    is_cut,
    read,
    size_limit,
)
from omoi_site.serving.request_threads import Busy, Threads, Turn
from omoi_site.serving.wsgi_call import Answer, Request, Wsgi, check_text, environ, respond

PAUSE_S = 0.5  # before a waiting client is tried again when no thread is free
WAIT = b"x-wait"
PRINCIPAL = b"x-principal"  # the principal a wait or a body is counted for; not sent to clients
# in the environ: only decide whether this may be sent, and answer 204 with the principal; the body comes
# afterwards
ADMISSION = "omoi.admission"
FREE = CHUNK  # bytes of a body that are accepted without a principal

log = logging.getLogger(__name__)


class Answered(Exception):
    """The application refused the request with this answer before its body was read."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer[0])
        self.answer = answer


class Bridge:
    """The ASGI application that hands ordinary requests to `wsgi`, in the request threads.

    asks: whether `wsgi` supports ADMISSION, so that it can refuse before much of a body is kept.
    """

    limit = LIMIT  # bytes of a body, for paths without their own limit
    fast: FastRoutes | None = None  # tried before `wsgi`

    def __init__(
        self,
        wsgi: Wsgi,
        threads: Threads,
        *,
        long_polls: LongPolls | None = None,
        patience: Patience | None = None,
        bounds: Bounds | None = None,
        asks: bool = False,
    ) -> None:
        self.wsgi = wsgi
        self.threads = threads
        self.long_polls = long_polls or LongPolls()
        self.patience = patience or Patience()
        self.bounds = bounds or Bounds()
        self.asks = asks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self.bounds.requests.taken(network((scope.get("client") or ("",))[0])):
                large = await self.serve(scope, receive, send) > memory.LARGE
        except TooMuchAtOnce as error:
            await self.refuse(scope, send, error, receive)
        else:
            if large:
                with contextlib.suppress(Busy):
                    await self.threads.run(memory.give_back)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request. Returns how many bytes of its body or answer were in memory."""
        body: IO[bytes] | None = None
        length = 0
        unread: Receive | None = receive
        holding = Holding(self, scope)
        try:
            check_text(scope)
            limit = size_limit(scope, self.limit)
            body, length = await read(
                receive, limit, self.patience_with(limit), holding.grow, announced(scope)
            )
            unread = None
            if limit > LIMIT and is_cut(scope, body):
                await self.admit(scope)  # whoever may not send it is told that first
                raise Malformed(
                    "the form ends too early: a part of it is missing", next_action="Send it again."
                )
            call = self.fast.find(scope) if self.fast and length <= FREE else None
            status, headers, answer = await self.answer(Request(self.wsgi, scope, body, call), receive)
        except Gone:
            pass
        except Answered as refused:
            await self.finish(scope, send, refused.answer, unread, self.patience)
        except OmoiError as error:
            await self.refuse(scope, send, error, unread)
        else:
            length = max(length, len(answer) if isinstance(answer, bytes) else 0)
            await self.deliver(scope, send, status, headers, answer)
        finally:
            holding.end()
            if body is not None:
                body.close()
        return length

    def patience_with(self, limit: int) -> Patience:
        """The time limits: ten times longer for files."""
        return (
            self.patience
            if limit <= LIMIT
            else replace(self.patience, total_s=self.patience.total_s * LARGE_TIMES)
        )

    async def admit(self, scope: Scope) -> str:
        """The principal that may send this body, before it is read. Raises Answered with a refusal."""
        if not self.asks:
            return network((scope.get("client") or ("",))[0])
        env = {**environ(scope, io.BytesIO(), 0), ADMISSION: True}
        answer = await self.in_a_thread(partial(respond, self.wsgi, env))
        if answer[0] != 204 or not (principal := header(answer, PRINCIPAL)):
            raise Answered(answer)
        return principal

    async def answer(self, request: Request, receive: Receive) -> Answer:
        """The answer of the fast route or of the view, at once or after a wait."""
        seen = self.long_polls.number  # before the view looks, so that no ring is missed
        response = await self.in_a_thread(request.answer, receive)
        if wish(response)[0]:
            with self.bounds.waits.taken(header(response, PRINCIPAL)):
                response = await self.after_a_ring(request, receive, seen, response)
        status, headers, answer = response
        return status, [header for header in headers if header[0] not in (WAIT, PRINCIPAL)], answer

    async def after_a_ring(self, request: Request, receive: Receive, seen: int, answer: Answer) -> Answer:
        """Wait for a ring and run the view again, until it answers or the time is over. Returns its last
        answer.
        """
        until, looks = asyncio.get_running_loop().time() + wish(answer)[1], 0
        gone = asyncio.ensure_future(receive())  # after the body, the only message left is the disconnect
        try:
            while (keys := wish(answer)[0]) and await self.long_polls.turn(
                keys, seen, until, gone, request.credential
            ):
                nothing = False
                try:
                    await asyncio.sleep(0)  # let a disconnect that came before the ring be seen
                    if gone.done():
                        raise Gone
                    now, looks = self.long_polls.number, looks + 1
                    answer = await self.in_a_thread(partial(request.answer, looks), receive, gone)
                    seen, nothing = now, bool(wish(answer)[0])
                except Busy:  # a waiting client is not refused for it
                    nothing = True
                    await asyncio.wait([gone], timeout=PAUSE_S)
                finally:
                    self.long_polls.looked(keys, nothing=nothing)
            if gone.done():
                raise Gone
            return answer
        finally:
            gone.cancel()

    async def in_a_thread(
        self,
        act: Callable[[], Answer],
        receive: Receive | None = None,
        gone: asyncio.Future[Any] | None = None,
    ) -> Answer:
        """The answer of `act` now.

        If the client leaves while its request is queued, the request is dropped. By then `receive` can report
        nothing but a disconnect.
        """
        turn = self.threads.run(act)
        if gone:
            await first_of(turn, gone)
        elif receive and self.threads.busy > self.threads.count:
            leaving = asyncio.ensure_future(receive())
            try:
                await first_of(turn, leaving)
            finally:
                leaving.cancel()
        try:
            return await turn
        except OmoiError:
            raise
        except Exception as error:
            log.exception("request failed outside its view", exc_info=error)
            if storage_full(error):
                raise StorageFull() from error
            raise Crash() from error

    async def deliver(
        self, scope: Scope, send: Send, status: int, headers: Headers, answer: bytes | IO[bytes]
    ) -> None:
        """Send an answer at the client's own speed; a client that reads nothing is cut off."""
        empty = scope["method"] == "HEAD" or status in (204, 304)
        if status == 204:
            headers = [header for header in headers if header[0] != b"content-length"]
        elif (
            status != 304
            and isinstance(answer, bytes)
            and all(name != b"content-length" for name, _ in headers)
        ):
            headers.append((b"content-length", b"%d" % len(answer)))  # otherwise the server sends chunks
        short = answer if isinstance(answer, bytes) and len(answer) <= CHUNK else None
        if short is not None and not empty and put_answer(send, status, headers, short):
            return None
        try:
            await self.taken(send, {"type": "http.response.start", "status": status, "headers": headers})
            if short is not None:
                return await self.taken(send, {"type": "http.response.body", "body": b"" if empty else short})
            file = io.BytesIO(answer) if isinstance(answer, bytes) else answer
            while not empty and (chunk := file.read(CHUNK)):
                await self.taken(send, {"type": "http.response.body", "body": chunk, "more_body": True})
            await self.taken(send, {"type": "http.response.body", "body": b""})
        except TimeoutError:
            cut_off(send)
        finally:
            if not isinstance(answer, bytes):
                answer.close()

    async def taken(self, send: Send, message: dict[str, Any]) -> None:
        if not put(send, message):
            async with asyncio.timeout(self.patience.stalled_s):
                await put_when_taken(send, message)

    async def refuse(self, scope: Scope, send: Send, error: OmoiError, unread: Receive | None = None) -> None:
        """Answer with an error of the server itself. `unread` receives the rest of an unread body."""
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        headers, text = refusal(error, page=for_a_person(scope["path"], accept))
        late = isinstance(error, Stalled)  # its time is over: wait only for what is on its way
        patience = replace(self.patience, total_s=self.patience.stalled_s) if late else self.patience
        await self.finish(scope, send, (error.status, headers, text), unread, patience)

    async def finish(
        self, scope: Scope, send: Send, answer: Answer, unread: Receive | None, patience: Patience
    ) -> None:
        """Send a short answer. Closing with an unread body would reset the connection before the client reads
        the answer, so the rest is read first.
        """
        status, headers, content = answer
        text = content if isinstance(content, bytes) else content.read()
        if unread:
            headers = [*headers, (b"connection", b"close")]
        try:
            await self.taken(send, {"type": "http.response.start", "status": status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else text
            await self.taken(
                send, {"type": "http.response.body", "body": body, "more_body": unread is not None}
            )
            if unread:
                await drop(unread, patience)
                await self.taken(send, {"type": "http.response.body", "body": b""})
        except (TimeoutError, Stalled):
            cut_off(send)


class Holding:
    """What one request counts against the limit of its sender.

    Up to FREE bytes no principal is needed, because the number of sockets is limited too.
    """

    def __init__(self, bridge: Bridge, scope: Scope) -> None:
        self.bridge = bridge
        self.scope = scope
        self.principal = ""
        self.amount = 0

    async def grow(self, amount: int) -> None:
        """Count so many bytes in total. Raises TooMuchAtOnce, or Answered if the sender is not allowed."""
        if amount <= max(FREE, self.amount):
            return
        self.principal = self.principal or await self.bridge.admit(self.scope)
        self.bridge.bounds.bytes.take(self.principal, amount - self.amount)
        self.amount = amount

    def end(self) -> None:
        if self.amount:
            self.bridge.bounds.bytes.give_back(self.principal, self.amount)


async def first_of(turn: Turn, gone: asyncio.Future[Any]) -> None:
    """Wait for the answer or for the client to leave; a call that nobody waits for is not started."""
    await asyncio.wait([turn, gone], return_when=asyncio.FIRST_COMPLETED)
    if gone.done() and turn.begin():
        turn.cancel()
        raise Gone


def header(answer: Answer, wanted: bytes) -> str:
    """The value of a header of the answer; empty if it has none."""
    return next((value.decode("latin1") for name, value in answer[1] if name == wanted), "")


def wish(answer: Answer) -> tuple[list[str], float]:
    """The queues that the view wants to wait in, and for how many seconds; empty if it has answered."""
    for name, value in answer[1]:
        if name == WAIT:
            *keys, seconds = value.decode("latin1").split()
            return keys, float(seconds)
    return [], 0.0
