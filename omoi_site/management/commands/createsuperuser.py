"""`manage.py createsuperuser`: Django's command, but it validates passwords with `--noinput` too."""

from __future__ import annotations

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from omoi_site import command_base


class Command(createsuperuser.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        command_base.demand_database()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> str | None:
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if password and not options["interactive"]:
            user = get_user_model()(
                **{name: options[name] for name in ("username", "email") if options.get(name)}
            )
            try:
                validate_password(password, user)
            except ValidationError as weak:
                raise CommandError(f"DJANGO_SUPERUSER_PASSWORD: {' '.join(weak.messages)}") from weak
        return super().handle(*args, **options)
