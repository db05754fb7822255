"""Each gate check passes on good evidence, and refuses the same evidence when it is absent, old, of another
commit, malformed or contradictory. The tests are made from the registry and from `rows`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from tests.tickets.gates import rows
from tests.tickets.gates.rows import SPOILINGS, Row, Scene, Spoiled
from tickets.gates import registry
from tickets.models import GateClosed, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

ROWS: dict[str, Row] = {}
for module in pkgutil.iter_modules(rows.__path__):
    ROWS |= importlib.import_module(f"{rows.__name__}.{module.name}").ROWS
CHECKS = sorted(registry.registered())
WITH_ROWS = [check for check in CHECKS if check in ROWS]
SPOILED = [
    (check, spoiling)
    for check in WITH_ROWS
    for spoiling in SPOILINGS
    if isinstance(getattr(ROWS[check], spoiling), Spoiled)
]


@pytest.fixture
def scene(check, project, operator, ada, bob) -> Iterator[Scene]:
    with ROWS[check].around():
        entry = ROWS[check].entry
        entry = {"check": check, **(entry() if callable(entry) else entry)}
        yield Scene(entry, project=project, operator=operator, ada=ada, bob=bob)


def test_every_check_has_its_row_and_every_row_its_check():
    assert sorted(ROWS) == CHECKS


@pytest.mark.parametrize("check", WITH_ROWS)
def test_good_evidence_passes(check, scene):
    ROWS[check].good(scene)

    verdict = scene.judge()

    assert verdict.passed, verdict.checks


@pytest.mark.parametrize(("check", "spoiling"), SPOILED)
def test_spoiled_evidence_does_not(check, spoiling, scene):
    spoiled = getattr(ROWS[check], spoiling)
    if spoiling == "old":
        ROWS[check].good(scene)
        assert scene.judge().passed
    spoiled.act(scene)
    scene.judge()

    with pytest.raises(GateClosed) as refusal:
        Ticket.objects.move(scene.ticket.pk, "DONE", by=scene.operator)

    unmet = refusal.value.more["unmet"]
    assert [set(reason) for reason in unmet] == [{"check", "code", "need", "got", "how"}] * len(unmet)
    assert {reason["check"] for reason in unmet} == {check}
    assert spoiled.code in {reason["code"] for reason in unmet}
    assert all(" " in reason["how"] for reason in unmet)
    assert Ticket.objects.get(pk=scene.ticket.pk).phase == "WORK"
