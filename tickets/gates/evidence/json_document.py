"""A JSON file, read strictly."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any

from omoi_site import strict_json
from omoi_site.errors import Malformed
from tickets.gates.evidence.bounded_xml import Unreadable

LONGEST = 1 << 20  # bytes of a JSON file


def json_document(content: bytes) -> Any:
    """Raises Unreadable, also when a key is named twice: nobody knows which of the two was meant."""
    if len(content) > LONGEST:
        raise Unreadable(f"a JSON file may have at most {LONGEST >> 20} MiB")
    content = content.removeprefix(BOM_UTF8)
    if not content.strip():
        raise Unreadable("it is empty, which is not JSON")
    try:
        return strict_json.read(content, "it")
    except Malformed as error:
        raise Unreadable(error.message) from error
