"""The same work on every broker, while workers and the broker itself are killed."""

from __future__ import annotations

import pytest

from omoi_site.database import sql
from tests.factories import shell_tasks, states
from tests.support import cluster
from tests.support.brokers import RabbitMQ, Redis
from tests.support.external import needs_library
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tests.tickets.runtime.test_worker import keep_open

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]

# A second run of a task while one is at work would not get the lock, and say so.
ALONE = "flock -n $OMOI_SHARED/$OMOI_TASK.lock sleep 0.3 || echo $OMOI_TASK >> $OMOI_SHARED/twice"


@pytest.fixture(params=[None, Redis, RabbitMQ], ids=["postgres", "redis", "rabbitmq"])
def server(request, tmp_path, settings):
    """The broker's own server, or None where it is our database."""
    if request.param is None:
        yield None
        return
    needs_library(request.param.__name__.lower())
    made = request.param(tmp_path)
    made.start()
    yield made
    made.kill()


def test_every_task_is_done_once_while_workers_and_broker_are_killed(
    server,
    ticket,
    operator,
    shared,
):
    environment = {"BROKER_URL": server.url} if server else {}
    sixty = shell_tasks(ticket, *[ALONE] * 60, by=operator, max_attempts=10)
    done = lambda: states(*sixty).count("completed")  # noqa: E731

    with running_worker("w1", **environment) as first, running_worker("w2", **environment) as second:
        until(lambda: done() > 5, why=first.last_words)
        first.kill()
        with running_worker("w1", **environment) as again:
            until(lambda: done() > 20, why=again.last_words)
            if server:
                server.kill()
            else:
                cluster.end_sessions()
            until(lambda: done() > 35, why=again.last_words)
            if server:
                server.start()
            until(lambda: done() == 60, why=lambda: again.last_words() + second.last_words(), seconds=60)

    ended = sql.rows(
        "SELECT count(*) AS n, count(DISTINCT subject) AS tasks FROM agents_event WHERE kind ="
        " 'task.completed'"
    )
    assert ended == [{"n": 60, "tasks": 60}]
    assert not (shared / "twice").exists()


def test_a_hint_starts_work_at_once_on_every_broker(server, ticket, operator, monkeypatch, settings):
    """Polls are off: what is done was hinted, also after the broker was away."""
    keep_open(ticket, by=operator)
    environment = {"BROKER_URL": server.url} if server else {}
    with running_worker(OMOI_WORKER_POLL_S="600", OMOI_WORKER_BEAT_S="600", **environment) as worker:
        from omoi_site.brokers import hints

        if server:
            settings.BROKER_URL = server.url
            hints.get.cache_clear()
            hints.sender.cache_clear()
        try:
            until(lambda: hints.health() == "", seconds=30)
            [first] = shell_tasks(ticket, "exit 0", by=operator)
            until(lambda: states(first) == ["completed"], why=worker.last_words)
            if server:
                server.kill()
                [second] = shell_tasks(ticket, "exit 0", by=operator)
                assert "does not answer" in hints.health()
                server.start()
                until(lambda: states(second) == ["completed"], why=worker.last_words, seconds=60)
        finally:
            if server:
                hints.sender().stop()
            hints.get.cache_clear()
            hints.sender.cache_clear()
