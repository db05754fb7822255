"""Who asks how the broker is does not wait for a broker that says nothing."""

from __future__ import annotations

import threading
from unittest import mock

from omoi_site.brokers.last_health import FRESH_S, LastHealth
from tests.support.wait import until


def test_an_answer_that_takes_long_is_asked_for_once_and_told_later():
    asked, comes = [], threading.Event()

    def ask():
        asked.append(1)
        comes.wait(10)
        return "away"

    health = LastHealth(ask)
    assert [health.lately() for _ in range(3)] == ["", "", ""]
    comes.set()
    until(lambda: not health.asking)

    assert health.lately() == "away"
    assert len(asked) == 1


def test_an_answer_that_comes_at_once_is_told_and_asked_for_again_when_it_is_old():
    answers = iter(["away", "", "never"])
    health = LastHealth(lambda: next(answers))
    assert [health.lately(), health.lately()] == ["away", "away"]

    health.answered -= FRESH_S

    assert [health.lately(), health.lately()] == ["", ""]


def test_where_no_thread_can_be_started_the_next_one_asks(monkeypatch):
    health = LastHealth(lambda: "away")
    with monkeypatch.context() as patch:
        patch.setattr(
            threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread"))
        )
        assert health.lately() == ""

    assert health.lately() == "away"
