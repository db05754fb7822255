from datetime import date

import pytest
from ledger.workdays import after, working


def test_a_weekend_is_skipped():
    assert after(date(2026, 11, 27), 1) == date(2026, 11, 30)


def test_a_holiday_is_skipped_too():
    assert not working(date(2026, 12, 25), [date(2026, 12, 25)])
    assert after(date(2026, 12, 24), 1, [date(2026, 12, 25)]) == date(2026, 12, 28)


def test_days_gone_by_are_not_counted():
    with pytest.raises(ValueError, match="to come"):
        after(date(2026, 11, 27), -1)
