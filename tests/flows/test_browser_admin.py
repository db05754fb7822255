"""Every list and every form of the admin, for everybody."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.site.test_admin import ADDED_HERE, OURS, all_kinds, at  # noqa: F401
from tests.support.browser import BOTH, PHONE, WIDE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.full]


def pages():
    for model in OURS:
        yield at(model, "changelist")
        yield at(model, "change", model._default_manager.order_by("pk").first().pk)
        if model.__name__ in ADDED_HERE:
            yield at(model, "add")
    yield from map(reverse, ("admin:index", "admin:auth_user_changelist", "admin:auth_user_add"))
    yield reverse("admin:auth_user_change", args=[get_user_model().objects.get(username="admin").pk])


def test_every_list_and_form_of_the_admin_is_for_everybody(window, all_kinds):  # noqa: F811
    """Each of a hundred pages is loaded once: wide in both themes, then as narrow as a phone."""
    shown = window(theme=BOTH)
    wrong = []
    for path in pages():
        for size in (WIDE, PHONE):
            shown.resize(size)
            if size == WIDE:
                shown.go(path)
            wrong += [(path, fault) for fault in shown.faults(turned=size == WIDE)]
            if shown.width > size[0]:
                wrong.append((path, f"{shown.width} px wide"))
    assert wrong == [], "\n".join(f"{path}: {fault}" for path, fault in wrong)
