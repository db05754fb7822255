"""REST under /api/v1/: the routes of the apps, their OpenAPI document, and a problem document for any other
address.
"""

from __future__ import annotations

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from agents.api.openapi_document import DocumentView
from omoi_site.error_pages import nowhere
from omoi_site.serving.fast_routes import FastRoutes
from tickets.api.fast_urls import fast_routes

urlpatterns = [
    path("v1/", include("tickets.api.urls")),
    path("v1/", include("agents.api.urls")),
    path("v1/schema/", DocumentView.as_view(), name="schema"),
    path(
        "v1/docs/",
        SpectacularSwaggerSplitView.as_view(
            template_name="api_docs.html", authentication_classes=[], permission_classes=[]
        ),
        name="docs",
    ),
    re_path(r"", nowhere),
]

# tried before the views at the same addresses
fast = FastRoutes(fast_routes)
