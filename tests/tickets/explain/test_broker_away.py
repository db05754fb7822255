"""Explain says that the broker is away, and does not wait for it."""

from __future__ import annotations

import socket

import pytest

from omoi_site.brokers import hints
from tests.support.external import needs_library
from tests.support.wait import until
from tickets.models import Task, TaskSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def silent(settings):
    """A broker that takes connections and says nothing."""
    needs_library("redis")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.BROKER_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        hints.get.cache_clear()
        hints.last_health.cache_clear()
        yield listener
        until(lambda: not hints.last_health().asking)
        hints.get.cache_clear()
        hints.last_health.cache_clear()


def test_a_broker_that_says_nothing_keeps_no_explanation_waiting(ticket, operator, silent):
    [task] = Task.objects.add(ticket, [TaskSpec("Run it", profile="echo", slots={"text": "hi"})], by=operator)

    codes = [cause["code"] for cause in Task.objects.explanations([task.pk])[task.pk]["causes"]]

    assert hints.last_health().asking
    assert codes
    assert "broker" not in codes
    silent.accept()[0].close()
    until(lambda: not hints.last_health().asking)
    cause = Task.objects.explanations([task.pk])[task.pk]["causes"][-1]
    assert (cause["code"], cause["who"]) == ("broker", "operator")
    assert cause["what"].startswith("The broker Redis does not answer, so work starts late: ")
