"""What the hot verbs cost while their tables double: the same statements, and hardly more buffers."""

from __future__ import annotations

import contextlib
from collections import defaultdict

import pytest

from agents.models import Agent
from bench.claim import backlog
from tests.flows.test_plans import ACTS, Undone, World
from tests.support.costs import costs
from tests.support.vacuum import vacuum

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]

READY = (2_000, 4_000, 8_000, 16_000)  # tasks, each with an event in the journal
HOT = (
    "claim and complete",
    "claim five, settle each way",
    "claim and find nothing",
    "settle and claim",
    "renew, report, release",
    "start and stop",
    "follow the journal",
    "ask over REST",
)
# all: what tests before have left in one would choose plans of another
EXPONENT = 0.1  # of the buffers by the size of the tables; 1 would be linear
A_LEVEL = 10  # an index that has become a page deeper, for verbs that read little


def test_no_hot_verb_costs_more_when_its_tables_grow(ticket, ada):
    Agent.objects.filter(pk=ada.pk).update(capabilities=[f"skill-{n}" for n in range(3)], capacity=100)
    world = World(ticket, Agent.objects.get(pk=ada.pk), Agent.objects.worker("w1", capacity=8))
    world.ada.key_scopes = frozenset({"work", "tickets:write"})
    statements, buffers = defaultdict(list), defaultdict(list)
    for ready in READY:
        backlog(ticket, ready, 3)
        vacuum()
        for name in HOT:
            with contextlib.suppress(Undone), costs() as found:
                ACTS[name](world)
                raise Undone
            statements[name].append(len(found))
            buffers[name].append(sum(cost.buffers for cost in found))

    print(dict(statements), dict(buffers))
    most = (READY[-1] / READY[0]) ** EXPONENT
    # whether a key is known and a presence written depends on the time
    assert {name: counts for name, counts in statements.items() if counts[-1] > counts[0] + 2} == {}
    assert {name: each for name, each in buffers.items() if each[-1] > most * each[0] + A_LEVEL} == {}
