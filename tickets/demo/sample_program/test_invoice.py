import pytest
from ledger.invoice import Numbers


def test_numbers_follow_each_other_without_a_gap():
    numbers = Numbers()
    assert [numbers.next(2026) for _ in range(3)] == ["2026-0001", "2026-0002", "2026-0003"]


def test_a_new_year_begins_with_one():
    assert Numbers("2026-0815").next(2027) == "2027-0001"


def test_a_closed_year_gets_no_more_invoices():
    with pytest.raises(ValueError, match="closed"):
        Numbers("2026-0815").next(2025)
