"""All addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("omoi_site.api")),
    path("", include("tickets.pages.urls")),
    path("", include("agents.pages.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "omoi_site.error_pages.bad_request"
handler403 = "omoi_site.error_pages.forbidden"
handler404 = "omoi_site.error_pages.not_found"
handler500 = "omoi_site.error_pages.crashed"
