"""Every list of the admin, in a database with much in it: what it shows, filters, searches and orders by
reads a bounded number of rows.
"""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin import AllValuesFieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import CharField, IntegerField

from agents.models import Agent, Event
from omoi_site.admin_base import OmoiModelAdmin, ReadOnlyModelAdmin
from omoi_site.admin_lists import MOST, WINDOW
from tests.site.test_admin import OURS, at
from tests.support import large_world
from tests.support.costs import costs
from tickets.models import Lane, Need, PhaseMove, Task, Ticket

LARGE = {"tickets_task", "tickets_ticket", "tickets_need", "tickets_phasemove", "agents_event"}
FILLED = [Agent, Event, Lane, Need, PhaseMove, Task, Ticket]
STATEMENTS = 15
# Database pages of one list. A window has 20,000 rows, and is looked at twice: for the number of those that
# match, and for the page. Of 10,000 rows that are counted, each is a page where the table was not vacuumed.
# The table of tasks has some 10,000 pages, and its index on ids 200,000 entries.
UNFILTERED, FILTERED = 20_000, 45_000


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_every_list_reads_a_bounded_number_of_rows(client, operator, ticket, task, ada):
    """One test, because the world takes half a minute to make."""
    large_world.make(ticket, task, ada, large_world.Size())
    client.force_login(operator)
    client.get("/admin/")  # fills caches
    last = Task.objects.order_by("-pk")[0]
    faults = []
    for model in FILLED:
        path = at(model, "changelist")
        queries = {"": UNFILTERED, "?q=no-such-thing": FILTERED, f"?q={last.ticket_key}": FILTERED}
        shown = client.get(path).context["cl"]
        for spec in shown.filter_specs:
            queries[list(spec.choices(shown))[-1]["query_string"]] = FILTERED
        if admin.site._registry[model].large:
            queries["?p=150"] = UNFILTERED
        for query, most in queries.items():
            with costs(forbidden=True) as found:
                answer = client.get(path + query)
            buffers, scanned = sum(cost.buffers for cost in found), set().union(*(c.scanned for c in found))
            if answer.status_code != 200 or len(found) > STATEMENTS:
                faults.append(f"{path}{query}: {answer.status_code}, {len(found)} statements")
            if buffers > most or scanned & LARGE:
                worst = max(found, key=lambda cost: cost.buffers)
                faults.append(
                    f"{path}{query}: {buffers} pages, scans {scanned & LARGE}: {worst.buffers} {worst.label}"
                )
    assert not faults, "\n".join(faults)


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_what_is_outside_the_window_is_still_found(client, operator, ticket, task, ada):
    large_world.make(ticket, task, ada, large_world.Size(tickets=3_000, tasks=30_000))
    client.force_login(operator)
    list_of_tasks = at(Task, "changelist")

    page = client.get(list_of_tasks, {"q": task.title})
    assert (page.context["cl"].result_count, page.context["cl"].windowed) == (0, True)
    older = client.get(list_of_tasks + page.context["cl"].older)
    assert [row.pk for row in older.context["cl"].result_list] == [task.pk]
    assert "There are no older ones" in older.content.decode()
    for whole in (ticket.key, str(task.pk)):
        found = client.get(list_of_tasks, {"q": whole})
        assert task.pk in {row.pk for row in found.context["cl"].result_list}, whole
        assert not found.context["cl"].windowed
    assert client.get(list_of_tasks, {"q": "agent-7"}).context["cl"].result_count == 1
    assert client.get(list_of_tasks, {"state": "claimed"}).context["cl"].older
    assert client.get(list_of_tasks).context["cl"].result_count == MOST < WINDOW


def test_no_list_of_a_large_table_asks_for_all_its_values_or_orders_by_what_no_index_has():
    asking = []
    for model in OURS:
        shown = admin.site._registry[model]
        assert isinstance(shown, OmoiModelAdmin), model
        if not shown.large:
            continue
        assert shown.get_sortable_by(None) == (), model
        first = next(iter(shown.get_ordering(None))).lstrip("-")
        assert first in ("pk", "id", "task", model._meta.pk.name) or first in {
            index.fields[0] for index in model._meta.indexes if index.fields
        }, (model, first)
        for name in [each for each in shown.list_filter if isinstance(each, str)]:
            field = get_fields_from_path(model, name)[-1]
            if isinstance(field, CharField | IntegerField) and not field.choices:
                asking.append(f"{model.__name__}.{name}: {AllValuesFieldListFilter.__name__}")
    assert not asking


def test_the_history_is_only_read():
    """Each table that no form edits: without adding, changing or deleting."""
    edited = {"Project", "Member", "Agent", "Pool", "Ticket", "Repository", "SignInTry", "Key"}
    for model in [model for model in OURS if model.__name__ not in edited]:
        shown = admin.site._registry[model]
        assert isinstance(shown, ReadOnlyModelAdmin), model
        rights = (shown.has_add_permission, shown.has_change_permission, shown.has_delete_permission)
        assert not any(right(None) for right in rights), model
    assert Ticket not in {model for model in OURS if model.__name__ not in edited}
