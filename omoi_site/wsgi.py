"""The ordinary Django application; the ASGI application hands pages and API to it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omoi_site.settings")
application = get_wsgi_application()
