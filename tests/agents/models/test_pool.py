"""Pools and those that name them, at the same time."""

from __future__ import annotations

import pytest

from agents.models import Agent, AgentSpec, Pool
from agents.models.pool import PoolInUse
from omoi_site.errors import Invalid
from tests.support.concurrency import meanwhile
from tickets.models.pool_state import documents

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool(operator):
    return Pool.objects.create_pool("anthropic:team", by=operator)


@pytest.mark.parametrize("how", ["registered", "edited"])
def test_a_pool_that_an_agent_is_about_to_name_is_not_removed(project, operator, ada, pool, how):
    with meanwhile(lambda: Pool.objects.remove(pool.pk, by=operator)) as removal:
        if how == "registered":
            Agent.objects.register(AgentSpec("eve", pools=[pool.name]), projects=[project], by=operator)
        else:
            Agent.objects.act(ada.pk, "edit", by=operator, pools=[pool.name])

    with pytest.raises(PoolInUse):
        removal.answer()
    assert Pool.objects.exists()


def test_a_pool_that_is_removed_meanwhile_cannot_be_named(operator, ada, pool):
    with meanwhile(
        lambda: Agent.objects.act(ada.pk, "edit", by=operator, pools=["anthropic:team"])
    ) as naming:
        Pool.objects.remove(pool.pk, by=operator)

    with pytest.raises(Invalid, match="there is no pool"):
        naming.answer()


def test_naming_a_pool_waits_for_no_claim_of_it(operator, ada, pool):
    with meanwhile(
        lambda: Agent.objects.act(ada.pk, "edit", by=operator, pools=[pool.name]), waits=False
    ) as naming:
        Pool.objects.act(pool.pk, "edit", by=operator, limit=1)  # locks the row as a claim does

    naming.answer()
    assert Agent.objects.get(pk=ada.pk).pools == [pool.name]


def test_a_pool_that_is_removed_while_it_is_read_is_left_out(operator, pool):
    other = Pool.objects.create_pool("openai:team", by=operator)
    read = list(Pool.objects.order_by("name"))
    Pool.objects.remove(pool.pk, by=operator)

    assert [document["name"] for document in documents(read)] == [other.name]
