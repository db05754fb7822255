"""Parsers of bodies that are strict JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.parsers import BaseParser

from omoi_site import strict_json
from omoi_site.errors import TooLarge

SHORT = 1 << 20


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return strict_json.read(stream.read())


class ShortJSONParser(StrictJSONParser):
    """For addresses that accept large files: JSON has the usual small limit there too."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(SHORT + 1)
        if len(body) > SHORT:
            raise TooLarge(
                f"a JSON body may have at most {SHORT >> 20} MiB. Send the file as multipart/form-data",
                limit_bytes=SHORT,
            )
        return strict_json.read(body)
