from datetime import date

import pytest
from ledger.interest import days, interest, year


def test_a_month_earns_its_days():
    assert interest(1_000_000, 3, date(2026, 4, 1), date(2026, 5, 1)) == 2465


def test_fractions_of_a_cent_are_dropped():
    assert interest(100, 1, date(2026, 1, 1), date(2026, 1, 2)) == 0


def test_a_leap_year_is_a_day_longer():
    assert year(36500, 1, 2028) == 365
    assert days(date(2028, 2, 28), date(2028, 3, 1)) == 2


def test_an_end_before_the_beginning_is_refused():
    with pytest.raises(ValueError, match="before"):
        days(date(2026, 2, 1), date(2026, 1, 1))
