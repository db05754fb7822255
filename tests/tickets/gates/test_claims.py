"""What an agent claims counts only where the workflow says so."""

from __future__ import annotations

import pytest

from tests.support import reports
from tests.tickets.gates.rows import Scene

pytestmark = pytest.mark.django_db(transaction=True)
CLAIM = b'{"percent": 99, "lines": 400}'


@pytest.mark.parametrize(
    ("claimed", "content", "codes"),
    [
        (False, CLAIM, ["evidence_unreadable"]),
        (False, reports.cobertura(9, 1), []),
        (True, CLAIM, []),
        (True, reports.cobertura(9, 1), ["evidence_unreadable"]),
        (True, b'{"percent": 40, "lines": 400}', ["coverage_low"]),
        (True, b'{"percent": 99}', ["evidence_unreadable"]),
        (True, b'{"percent": 990, "lines": 400}', ["evidence_unreadable"]),
        (True, b'{"percent": true, "lines": 400}', ["evidence_unreadable"]),
        (True, b'{"percent": "99", "lines": 400}', ["evidence_unreadable"]),
    ],
)
def test_a_claimed_coverage(project, operator, ada, bob, claimed, content, codes):
    entry = {"check": "min_coverage", "percent": 80, "claimed": claimed}
    scene = Scene(entry, project=project, operator=operator, ada=ada, bob=bob)
    scene.submit("test_coverage", content)

    [check] = scene.judge().checks

    assert [reason["code"] for reason in check["reasons"]] == codes
