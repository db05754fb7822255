"""The action on tickets that leads to the page on which they change their version, with its preview."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from omoi_site.admin_base import OmoiModelAdmin
from tickets.models import Ticket, Workflow
from tickets.models.ticket.version_batch import TOGETHER


@admin.action(description="Change the version of their workflow", permissions=["act"])
def change_version(
    model_admin: OmoiModelAdmin, request: HttpRequest, tickets: QuerySet[Ticket]
) -> HttpResponse | None:
    """Preview them on the newest version of their workflow. Nothing is changed before that page is sent."""
    chosen = list(tickets.order_by("id").values_list("workflow__name", "key")[: TOGETHER + 1])
    names = {name for name, _ in chosen}
    if len(names) > 1 or len(chosen) > TOGETHER:
        wrong = (
            f"These tickets follow {' and '.join(sorted(names))}. Choose those of one workflow."
            if len(names) > 1
            else f"At most {TOGETHER} tickets change their version together. Choose fewer."
        )
        model_admin.message_user(request, wrong, messages.WARNING)
        return None
    [name] = names
    newest = Workflow.objects.latest_of(name).version
    asked = urlencode([("to", newest), *(("ticket", key) for _, key in chosen)])
    return redirect(f"{reverse('workflow_tickets', args=[name])}?{asked}")
