"""Who everything waits on is stored as it is explained, whatever happened."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.waits import assert_stored_as_explained, follow, let_time_pass
from tests.tickets.explain.random_world import ACTS, QUIET, TASKS, World

pytestmark = pytest.mark.django_db(transaction=True)
# each example is a project of its own, and there are more of them with each
NO_SHRINKING = [Phase.explicit, Phase.generate]
numbers = iter(range(10_000))


def in_a_random_state(operator, tasks, acts):
    follow()  # from here on
    world = World(operator, f"R{next(numbers)}")
    world.add(tasks)
    for act in [None, *acts]:
        if act:
            world.act(*act)
        let_time_pass()  # some acts move rows back in time
        follow()
        assert_stored_as_explained(world.project)


@settings(max_examples=3, deadline=None, suppress_health_check=QUIET, phases=NO_SHRINKING)
@given(tasks=TASKS, acts=st.lists(ACTS, min_size=8, max_size=20))
def test_what_happens_is_followed_without_the_walk(operator, tasks, acts):
    in_a_random_state(operator, tasks, acts)


@pytest.mark.parametrize(
    "examples", [pytest.param(8, marks=pytest.mark.full), pytest.param(40, marks=pytest.mark.campaign)]
)
def test_what_happens_is_followed_without_the_walk_at_length(operator, examples):
    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, phases=NO_SHRINKING)
    @given(tasks=TASKS, acts=st.lists(ACTS, min_size=10, max_size=40))
    def followed(tasks, acts):
        in_a_random_state(operator, tasks, acts)

    followed()
