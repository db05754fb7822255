"""A job says how it failed, in a file that its profile names: it met the limit of an account, say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from agents.executors.job import Ending
from agents.models import Pool
from tests.factories import install_profile
from tests.support.wait import until
from tests.support.worker_process import running_worker
from tickets.models import Task, TaskSpec
from tickets.runtime.told_failure import outcome_of


def failed(document):
    return Ending(False, {}, "exit status 3\n429", "transient", failure=document)


def test_without_a_word_of_the_job_its_end_counts():
    assert outcome_of(failed(None)) == {"error": "exit status 3\n429", "kind": "transient"}


def test_what_the_job_says_counts():
    said = {"kind": "rate_limited", "pool": "anthropic:team", "resets_at": "2026-11-30T12:00:00+01:00"}
    assert outcome_of(failed(said)) == {
        "error": "exit status 3\n429",
        "kind": "rate_limited",
        "pool": "anthropic:team",
        "resets_at": datetime(2026, 11, 30, 11, tzinfo=UTC),
    }
    assert outcome_of(failed({"kind": "permanent"}))["kind"] == "permanent"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ([], "it must be an object with kind, pool, resets_at"),
        ({}, "kind must be one of transient, permanent, validation, rate_limited"),
        ({"kind": ["x"]}, "kind must be one of"),
        ({"kind": "rate_limited", "why": 3}, "why is not known"),
        ({"kind": "transient", "pool": "a"}, "only a failure of the kind rate_limited has a pool"),
        ({"kind": "rate_limited", "pool": "A\x00"}, "pool must be the name of a pool"),
        ({"kind": "rate_limited", "pool": None}, "pool must be the name of a pool"),
        ({"kind": "rate_limited", "resets_at": 5}, "resets_at must be a time such as"),
        ({"kind": "rate_limited", "resets_at": "2026-11-30"}, "resets_at: the time has no zone"),
        ({"kind": "rate_limited", "resets_at": "9998-11-30T00:00Z"}, "resets_at: a time must be between"),
    ],
)
def test_what_cannot_be_is_told_and_its_end_counts(said, fault):
    outcome = outcome_of(failed(said))
    assert (outcome["kind"], set(outcome)) == ("transient", {"error", "kind"})
    assert outcome["error"].startswith("exit status 3\n429\nwhat it says of its failure cannot be used: ")
    assert fault in outcome["error"]


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("named", ["anthropic:team", None])
def test_a_job_that_met_a_limit_costs_no_attempt_and_closes_the_account(ticket, operator, named):
    resets_at = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    said = {"kind": "rate_limited", "resets_at": resets_at.isoformat()} | ({"pool": named} if named else {})
    install_profile(
        "limited",
        words=["sh", "-c", f"printf '%s' '{json.dumps(said)}' > failed.json; echo 429; exit 3"],
        pools=["anthropic:team"],
        failure="failed.json",
    )
    Pool.objects.create_pool("another", by=operator)
    first, second = Task.objects.add(
        ticket, [TaskSpec(name, profile="limited", max_attempts=1) for name in ("one", "two")], by=operator
    )

    with running_worker(threads=1) as worker:
        until(lambda: Pool.objects.get(name="anthropic:team").closed_at, why=worker.last_words)
        until(lambda: not Task.objects.filter(state="claimed").exists(), why=worker.last_words)

    assert Pool.objects.get(name="anthropic:team").resets_at == resets_at
    assert Pool.objects.get(name="another").closed_at is None
    assert list(Task.objects.filter(pk__in=[first.pk, second.pk]).values_list("state", "attempts")) == [
        ("pending", 0),
        ("pending", 0),
    ]
    assert Task.objects.get(pk=first.pk).error == "exit status 3\n429"
