"""Who may send a large body."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from omoi_site.serving.wsgi_bridge import ADMISSION

Handler = Callable[[HttpRequest], HttpResponse]


def large_bodies_middleware(handle: Handler) -> Handler:
    """Only a signed-in person may send a large body to a page. API routes decide this themselves."""

    def admitted(request: HttpRequest) -> HttpResponse:
        if ADMISSION not in request.META or request.path.startswith("/api/"):
            return handle(request)
        if request.user.is_authenticated:
            return HttpResponse(status=204, headers={"X-Principal": f"user:{request.user.pk}"})
        return HttpResponse(
            "Sign in before you send a large file.", status=403, content_type="text/plain; charset=utf-8"
        )

    return admitted
