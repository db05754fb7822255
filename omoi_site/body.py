"""The body of a request, read to its end before anything is done with it."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO, Any

from omoi_site.errors import TooLarge
from omoi_site.refusals import Stalled, StorageFull, storage_full

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

KIB, MIB = 1 << 10, 1 << 20
CHUNK = 64 * KIB
LIMITS = {  # by the address; with room for the form around a file
    re.compile(r"/api/v1/tickets/[^/]+/artifacts"): 100 * MIB + CHUNK,
    re.compile(r"/api/v1/imports"): 50 * MIB + CHUNK,
}
LIMIT = MIB
LEFT_OVER = 16 * MIB  # how much of a refused body is read and dropped, so that its sender can read the refusal
STALLED_S = 20.0  # without a byte in either direction a client is given up

tempfile.gettempdir()  # chosen now: later a disk that is full would be passed over for the working directory


class Gone(Exception):
    """The client left: nobody is there to answer."""


def size_limit(scope: Scope) -> int:
    """How many bytes this request may bring; refused at once when it announces more."""
    limit = next((most for address, most in LIMITS.items() if address.fullmatch(scope["path"].rstrip("/"))), LIMIT)
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:  # the server has checked that it is a number
            raise too_large(limit)
    return limit


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over the limit of {limit // MIB} MiB for this address", limit_bytes=limit)


async def read(receive: Receive, limit: int, stalled_s: float = STALLED_S) -> tuple[IO[bytes], int]:
    """The whole body and its length: in memory to 1 MiB, then in a file without a name."""
    body, length = tempfile.SpooledTemporaryFile(MIB), 0  # noqa: SIM115  (closed when the request is over)
    try:
        while True:
            async with asyncio.timeout(stalled_s):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            length += len(chunk)
            if length > limit:
                raise too_large(limit)
            if not more and length == len(chunk):
                return io.BytesIO(chunk), length
            body.write(chunk)
            if not more:
                body.seek(0)
                return body, length
    except BaseException as error:
        body.close()
        if isinstance(error, TimeoutError):
            raise Stalled(f"nothing came for {stalled_s:g} s") from error
        if storage_full(error):
            raise StorageFull() from error
        raise


async def drop(receive: Receive, seconds: float) -> None:
    """Read what is left of a refused body and forget it, up to a measure."""
    left = LEFT_OVER
    async with asyncio.timeout(seconds):
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                return
