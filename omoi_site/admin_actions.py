"""Actions of the admin on chosen rows: each asks for its reason on a page of its own, calls a verb for each
row, and says what was not done, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from omoi_site import field_limits
from omoi_site.admin_base import OmoiModelAdmin, tell_refusals
from omoi_site.errors import OmoiError

SHOWN = 20  # rows named on the page of an action
TOGETHER = 500  # rows that an action changes together
TOLD = 10  # rows of which it is said one by one why nothing was done


@dataclass(frozen=True)
class Choice:
    """What an action asks for beside its reason: one of `options`, each a value and its text."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]


def admin_action(
    title: str,
    verb: Callable[..., Any],
    *,
    effect: str,
    least: int = 0,
    outlook: Callable[[Any, HttpRequest], str] = lambda row, request: "",
    choice: Choice | None = None,
) -> Any:
    """An action that asks for a reason of `least` characters on its own page, then calls `verb(row, request,
    reason)` for each row.

    outlook: what is to be known of the action on a row; the page shows it beside the row. choice: what the
    page asks for too; its value is one more argument of `verb`, by the name of the choice.
    """

    @admin.action(description=title, permissions=["act"])
    def action(model_admin: OmoiModelAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        reason = request.POST.get("reason", "")
        chosen = {choice.name: request.POST.get(choice.name, "")} if choice else {}
        asked = not all(chosen.values()) or len(field_limits.seen(reason)) < least
        chosen_rows = list(rows[: TOGETHER + 1])
        if not chosen_rows or len(chosen_rows) > TOGETHER:
            model_admin.message_user(request, _too_many_or_none(len(chosen_rows)), messages.WARNING)
            return None
        if "reason" not in request.POST or asked:
            short = "reason" in request.POST and len(field_limits.seen(reason)) < least
            action_attributes = {
                **model_admin.admin_site.each_context(request),
                "title": title,
                "effect": effect,
                "rows": chosen_rows,
                "shown": [(row, outlook(row, request)) for row in chosen_rows[:SHOWN]],
                "left_out": max(0, len(chosen_rows) - SHOWN),
                "opts": model_admin.opts,
                "name": request.POST["action"],
                "checkbox": ACTION_CHECKBOX_NAME,
                "least": least,
                "sent": "reason" in request.POST,
                "short": short,
                "reason": reason,
                "choice": choice,
                "chosen": chosen.get(choice.name) if choice else "",
            }
            return TemplateResponse(request, "admin/action.html", action_attributes)
        refused = list[tuple[Any, OmoiError]]()
        for row in chosen_rows:
            try:
                verb(row, request, reason, **chosen)
            except OmoiError as error:
                refused.append((row, error))
        done = len(chosen_rows) - len(refused)
        level = messages.SUCCESS if done else messages.WARNING
        model_admin.message_user(request, f"{title}: {done} of {len(chosen_rows)} done.", level)
        for row, refusal in refused[:TOLD]:
            model_admin.message_user(request, f"{row}: {refusal.message}", messages.WARNING)
        if more := Counter(error.title for _, error in refused[TOLD:]):
            why = "; ".join(f"{count} because: {word}" for word, count in more.most_common())
            model_admin.message_user(request, f"More were not done. {why}.", messages.WARNING)
        return tell_refusals(HttpResponseRedirect(request.get_full_path()), [error for _, error in refused])

    action.__name__ = title.lower().replace(" ", "_")
    return action


def _too_many_or_none(count: int) -> str:
    if not count:  # they have changed, so that a filter of the list leaves them out now
        return "The chosen rows are not in this list any more. Choose again."
    return f"At most {TOGETHER} rows are changed together. Choose fewer, or narrow the list by a filter."
