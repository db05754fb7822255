"""Pictures: known by their content, whatever their names say, and shown only if a browser can bear them."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
LARGEST = 20 << 20  # bytes
PIXELS = 40_000_000


@dataclass(frozen=True)
class Picture:
    content_type: str
    width: int
    height: int


class Unshowable(Exception):
    """It looks like a picture, but is not shown; the message says why."""


def looks_like_one(head: bytes) -> bool:
    return head.startswith(MAGIC) and (not head.startswith(b"RIFF") or head[8:12] == b"WEBP")


def picture(content: bytes) -> Picture:
    """What the file really is. Only its structure is read: nothing is decoded here. Raises Unshowable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(KINDS)) as image:
                kind, (width, height) = image.format or "", image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unshowable("The picture is too large to show.") from error
    except Exception as error:  # Pillow raises many kinds for a broken file
        raise Unshowable("It begins like a picture, but cannot be read as one.") from error
    if width * height > PIXELS:
        raise Unshowable(f"The picture is too large to show: {width} × {height}.")
    return Picture(KINDS[kind], width, height)
