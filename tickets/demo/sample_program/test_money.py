import pytest
from ledger.money import cents, shown


def test_an_amount_is_read_to_the_cent():
    assert cents("12.30") == 1230
    assert cents("-0,05") == -5
    assert cents("7") == 700


def test_more_than_two_decimals_are_refused():
    with pytest.raises(ValueError, match="decimals"):
        cents("1.234")


def test_an_amount_is_shown_with_two_decimals():
    assert shown(1230) == "12.30"
    assert shown(-5) == "-0.05"
