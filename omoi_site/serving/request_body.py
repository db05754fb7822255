"""The body of a request, read to its end before anything is done with it."""

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
LIMITS = {  # by the address; with room for the form around a file
    re.compile(r"/api/v1/tickets/[^/]+/artifacts"): 100 * MIB + CHUNK,
    re.compile(r"/api/v1/imports"): 50 * MIB + CHUNK,
}
LIMIT = MIB
LEFT_OVER = (
    256 * MIB
)  # how much of a refused body is read and dropped, so that its sender can read the refusal
TOTAL_S = 60.0  # in which a body must have come; LARGE_TIMES as long where files are taken
LARGE_TIMES = 10
STALLED_S = 20.0  # without a byte in either direction a client is given up

tempfile.gettempdir()  # chosen now: later a disk that is full would be passed over for the working directory


class Gone(Exception):
    """The client left: nobody is there to answer."""


async def unbounded(amount: int) -> None: ...


@dataclass(frozen=True)
class Patience:
    """How long a body may take: in seconds without a byte, and in all."""

    stalled_s: float = STALLED_S
    total_s: float = TOTAL_S

    async def receive(self, receive: Receive, over: float) -> dict[str, Any]:
        """The next message; raises Stalled when it does not come in time, `over` being the end of that on the
        loop's clock.
        """
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


def announced(scope: Scope) -> int:
    """The length of the body by its headers; 0 where they do not say."""
    return next(
        (int(value) for name, value in scope["headers"] if name == b"content-length"), 0
    )  # the server has checked the number


def size_limit(scope: Scope, limit: int = LIMIT) -> int:
    """How many bytes this request may bring; refused at once when it announces more."""
    limit = next(
        (most for address, most in LIMITS.items() if address.fullmatch(scope["path"].rstrip("/"))), limit
    )
    if announced(scope) > limit:
        raise too_large(limit)
    return limit


def too_large(limit: int) -> TooLarge:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // KIB} KiB"
    return TooLarge(f"the body is over the limit of {size} for this address", limit_bytes=limit)


async def read(
    receive: Receive,
    limit: int,
    patience: Patience,
    hold: Callable[[int], Awaitable[None]] = unbounded,
    announced: int = 0,
) -> tuple[IO[bytes], int]:
    """The whole body and its length: in memory to 1 MiB, then in a file without a name. `hold` is asked
    before that many bytes are kept.
    """
    body, length = tempfile.SpooledTemporaryFile(MIB), 0  # noqa: SIM115  (closed when the request is over)
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
            if not more and length == len(chunk):
                return io.BytesIO(chunk), length
            body.write(chunk)
            if not more:
                body.seek(0)
                return body, length
    except BaseException as error:
        body.close()
        if storage_full(error):
            raise StorageFull() from error
        raise


async def drop(receive: Receive, patience: Patience) -> None:
    """Read what is left of a refused body and forget it, up to a measure."""
    left, over = LEFT_OVER, asyncio.get_running_loop().time() + patience.total_s
    while left > 0:
        message = await patience.receive(receive, over)
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            return
