"""Reads the whole body of a request before a view runs."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any

from omoi_site.errors import TooLarge
from omoi_site.serving.error_answers import Stalled, StorageFull, storage_full

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

KIB, MIB = 1 << 10, 1 << 20
CHUNK = 64 * KIB
LIMITS = {  # by path; with room for the form around a file
    re.compile(r"(/api/v1)?/tickets/[^/]+/artifacts"): 100 * MIB + CHUNK,
    re.compile(r"/api/v1/imports"): 50 * MIB + CHUNK,
}
LIMIT = MIB
FORM = re.compile(rb"multipart/form-data\b.*?\bboundary=\"?([^\";]+)", re.IGNORECASE)
FORM_END = KIB  # in which its last boundary is
LEFT_OVER = 256 * MIB  # how much of a refused body is read and dropped, so that its sender can read the error
TOTAL_S = 60.0  # for a body to arrive; LARGE_TIMES as long where files are accepted
LARGE_TIMES = 10
STALLED_S = 20.0  # a client that neither sends nor reads for so long is dropped

tempfile.gettempdir()  # choose the folder now: on a full disk, Python would take the working directory


class Gone(Exception):
    """The client has left, so there is nobody to answer."""


async def unbounded(amount: int) -> None: ...


@dataclass(frozen=True)
class Patience:
    """How long a body may take: seconds without a byte, and seconds in total."""

    stalled_s: float = STALLED_S
    total_s: float = TOTAL_S

    async def receive(self, receive: Receive, over: float) -> dict[str, Any]:
        """The next message. Raises Stalled if it does not come in time; `over` is the deadline on the loop's
        clock.
        """
        if message := at_once(receive):
            return message
        left = over - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self.stalled_s, left)):
                return await receive()
        except TimeoutError as error:
            why = (
                f"nothing came for {self.stalled_s:g} s"
                if left > self.stalled_s
                else f"it did not come within {self.total_s:g} s"
            )
            raise Stalled(why) from error


def at_once(receive: Receive) -> dict[str, Any] | None:
    """The next message if it is already there, which most bodies are: without a timer, which costs more than
    the rest of the reading.
    """
    receiving = receive().__await__()
    try:
        next(receiving)
    except StopIteration as received:
        message: dict[str, Any] = received.value
        return message
    receiving.close()
    return None


def announced(scope: Scope) -> int:
    """The length of the body that the headers announce; 0 if they announce none."""
    return next(
        (int(value) for name, value in scope["headers"] if name == b"content-length"), 0
    )  # the server has checked the number


def size_limit(scope: Scope, limit: int = LIMIT) -> int:
    """How many bytes the body of this request may have. Raises TooLarge if the headers announce more."""
    limit = next(
        (most for address, most in LIMITS.items() if address.fullmatch(scope["path"].rstrip("/"))), limit
    )
    if announced(scope) > limit:
        raise too_large(limit)
    return limit


def too_large(limit: int) -> TooLarge:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // KIB} KiB"
    return TooLarge(f"the body is larger than the limit of {size} for this address", limit_bytes=limit)


async def read(
    receive: Receive,
    limit: int,
    patience: Patience,
    hold: Callable[[int], Awaitable[None]] = unbounded,
    announced: int = 0,
) -> tuple[IO[bytes], int]:
    """The whole body and its length: up to 1 MiB in memory, beyond that in an unnamed file. `hold` is called
    before so many bytes are kept.
    """
    body: IO[bytes] | None = None
    length = 0
    over = asyncio.get_running_loop().time() + patience.total_s
    try:
        await hold(announced)
        while True:
            message = await patience.receive(receive, over)
            if message["type"] == "http.disconnect":
                raise Gone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            length += len(chunk)
            if length > limit:
                raise too_large(limit)
            await hold(length)
            if not more and not body:
                return io.BytesIO(chunk), length
            # closed when the request is over
            body = body or tempfile.SpooledTemporaryFile(MIB)  # noqa: SIM115
            body.write(chunk)
            if not more:
                body.seek(0)
                return body, length
    except BaseException as error:
        if body:
            body.close()
        if storage_full(error):
            raise StorageFull() from error
        raise


def is_cut(scope: Scope, body: IO[bytes]) -> bool:
    """Whether it is a form that lacks its end: its sender broke off, and half a file would pass for the
    file.
    """
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if not (form := FORM.match(kind)):
        return False
    body.seek(-min(FORM_END, body.seek(0, io.SEEK_END)), io.SEEK_END)
    end = body.read()
    body.seek(0)
    return b"--%b--" % form[1].strip() not in end


async def drop(receive: Receive, patience: Patience) -> None:
    """Read and drop the rest of a refused body, up to a limit."""
    left, over = LEFT_OVER, asyncio.get_running_loop().time() + patience.total_s
    while left > 0:
        message = await patience.receive(receive, over)
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            return
