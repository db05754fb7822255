"""Compression of pages and static files. Answers of the API are not compressed: a claim is small and must be
fast.
"""

from __future__ import annotations

import functools
import gzip
import os
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

TEXT = ("text/", "image/svg", "application/json")  # a picture or a font is compressed already


class Pages(GZipMiddleware):
    """Compresses HTML, with a random length so that its size reveals no secret in it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        return response


class Static(WhiteNoiseMiddleware):
    """Static files, each compressed at its first request and kept in memory."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponseBase:
        plain: HttpResponseBase = WhiteNoiseMiddleware.serve(static_file, request)
        if plain.status_code != 200 or not plain.headers.get("Content-Type", "").startswith(TEXT):
            return plain
        patch_vary_headers(plain, ["Accept-Encoding"])
        if request.method != "GET" or "gzip" not in request.headers.get("Accept-Encoding", ""):
            return plain
        path, _ = static_file.get_path_and_headers(request.META)
        headers = {name: value for name, value in plain.items() if name != "Content-Length"}
        plain.close()
        return HttpResponse(
            packed(path, os.stat(path).st_mtime_ns), headers={**headers, "Content-Encoding": "gzip"}
        )


@functools.lru_cache(500)
def packed(path: str, changed: int) -> bytes:
    return gzip.compress(Path(path).read_bytes(), 9, mtime=0)
