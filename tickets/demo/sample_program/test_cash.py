import pytest
from ledger.cash import change, payable


def test_an_amount_is_rounded_to_what_coins_can_make():
    assert [payable(amount) for amount in (1002, 1003, 1007, 1008)] == [1000, 1005, 1005, 1010]


def test_change_takes_the_fewest_coins():
    assert change(385) == [200, 100, 50, 20, 10, 5]


def test_an_amount_no_coins_make_is_refused():
    with pytest.raises(ValueError, match="smaller"):
        change(3)
