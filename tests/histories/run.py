"""Run random histories on the present database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import History
from tests.histories.world import WORKFLOW
from tests.support.kept_plans import kept_plans
from tickets.models import Workflow

ACTS = 50  # of one history


def history_of(operator: Any, note: Callable[[], Any] = lambda: None) -> type[History]:
    """The class of histories in the present database. `note` is called after each act."""
    get_user_model().objects.get_or_create(username="dan")

    class Told(History):
        pass

    Told.operator, Told.workflow, Told.note = operator, Workflow.objects.install(WORKFLOW), staticmethod(note)
    return Told


def run(operator: Any, acts: int, seed: int, *, note: Callable[[], Any] = lambda: None) -> None:
    """Histories with at least so many acts in all; the same seed gives the same ones. Raises AssertionError,
    which lists the acts of the first history that goes wrong.
    """
    done = 0

    def noted() -> None:
        nonlocal done
        done += 1
        note()

    history = history_of(operator, noted)
    with kept_plans():
        while done < acts:  # some histories are shorter than ACTS
            history._hypothesis_internal_use_seed = seed
            seed += 2**32
            _run(history, -(-(acts - done) // ACTS) + 1)  # the first one does the least


def _run(history: type[History], histories: int) -> None:
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=histories,
            stateful_step_count=ACTS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
