import pytest
from ledger.balance import balances, even

BOOKINGS = [("cash", "sales", 1000), ("rent", "cash", 400)]


def test_each_account_holds_what_was_booked():
    assert balances(BOOKINGS) == {"cash": 600, "sales": -1000, "rent": 400}


def test_the_books_are_even():
    assert even(BOOKINGS)


def test_a_booking_of_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        balances([("cash", "sales", 0)])
