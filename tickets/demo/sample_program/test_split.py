import pytest
from ledger.split import evenly, percentages, split


def test_the_parts_add_up_to_the_whole():
    assert split(100, [1, 1, 1]) == [34, 33, 33]


def test_nobody_to_split_between_is_refused():
    with pytest.raises(ValueError, match="share"):
        split(100, [0, 0])
    with pytest.raises(ValueError, match="nobody"):
        evenly(100, 0)


def test_an_even_split_differs_by_a_cent_at_most():
    assert evenly(1001, 2) == [501, 500]
    assert evenly(1001, 1) == [1001]


def test_percentages_must_add_up():
    assert percentages(999, {"ada": 60, "bob": 40}) == {"ada": 599, "bob": 400}
    with pytest.raises(ValueError, match="add up"):
        percentages(999, {"ada": 60})
