"""The content of an artifact as an answer: whole or in part, and never to be run as a page of this site."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from tickets.models import Artifact

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def inert(disposition: str, artifact: Artifact) -> dict[str, str]:
    """The headers that keep a file from acting. disposition: `attachment`, or `inline` for a picture."""
    name = (artifact.path or artifact.name).replace("\\", "/").rstrip("/\n").rpartition("/")[2]
    shown = content_disposition_header(disposition == "attachment", name or artifact.type)
    return {
        **({"Content-Disposition": shown} if shown else {}),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": f'"{artifact.hash}"',
    }


def download(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """The content as a file. It is checked before any of it is sent: the server reads it first."""
    headers = {**inert("attachment", artifact), "Accept-Ranges": "bytes"}
    etag, size = headers["ETag"], artifact.blob.size
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers=headers)
    wanted = RANGE.fullmatch(request.headers.get("Range", "").strip())
    unchanged = request.headers.get("If-Range", etag) == etag
    if not wanted or not unchanged or wanted.groups() == ("", "") or not size:
        pieces, status, first, last = artifact.blob.pieces(), 200, 0, size - 1
    else:
        first, last = _places(wanted, size)
        if first > last:
            return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        pieces, status = _part(artifact.blob.pieces(), first, last), 206
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    return StreamingHttpResponse(
        pieces, status=status, content_type="application/octet-stream", headers=headers
    )


def _places(wanted: re.Match[str], size: int) -> tuple[int, int]:
    """The places of the first and the last byte; `-5` asks for the last five."""
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last or size), size - 1)


def _part(pieces: Iterator[bytes], first: int, last: int) -> Iterator[bytes]:
    """These bytes. All pieces are read, to check them."""
    place = 0
    for piece in pieces:
        if part := piece[max(0, first - place) : max(0, last + 1 - place)]:
            yield part
        place += len(piece)
