"""Every door with an address."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("omoi_site.api")),
    path("", include("tickets.urls")),
    path("", include("agents.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "omoi_site.failures.bad_request"
handler403 = "omoi_site.failures.forbidden"
handler404 = "omoi_site.failures.not_found"
handler500 = "omoi_site.failures.crashed"
