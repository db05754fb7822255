"""The served OpenAPI document. Each process builds it once, because anybody may request it and building takes
0.2 s.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_one_at_a_time = threading.RLock()  # the generator is not thread-safe


def document() -> dict[str, Any]:
    """The whole document. It is shared, so copy it before you change it."""
    with _one_at_a_time:
        return _made()


@functools.cache
def _made() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


_written: dict[str, bytes] = {}  # by media type


class DocumentView(SpectacularAPIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        with _one_at_a_time:
            if renderer.media_type not in _written:
                _written[renderer.media_type] = renderer.render(document(), renderer_context={})
        return HttpResponse(
            _written[renderer.media_type], content_type=f"{renderer.media_type}; charset=utf-8"
        )
