"""Which failures count as the same."""

from __future__ import annotations

import pytest

from tickets.models.validation.signature import signature_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2 of 7 tests fail in 3.25 s", "3 of 9 tests fail in 11.5 s"),
        ("at 2026-11-29T14:42:50.123Z: no answer", "at 2027-01-02 03:04:05+01:00: no answer"),
        ("[12:00:01] refused", "[23:59:59.875] refused"),
        ("object at 0x7f1aa9f1b750 is gone", "object at 0xDEADBEEF is gone"),
        ("commit 3f2504e04f8911d3 fails", "commit 9a0c05e82c3301aa fails"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "00000000-1111-2222-3333-444444444444"),
        ("/tmp/job-1/work/test_sum.py:12: wrong", "/var/tmp/other/test_sum.py:40: wrong"),
        ("C:\\jobs\\1\\test_sum.py wrong", "D:\\x\\y\\z\\test_sum.py wrong"),
        ("no answer from 10.0.0.1:8080", "no answer from 192.168.7.20:9"),
        ("wrong\n\n   sum", " WRONG sum\t"),
    ],
)
def test_what_changes_at_every_run_makes_no_difference(one, other):
    assert signature_of(one) == signature_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("test_sum failed", "test_difference failed"),
        ("/tmp/1/test_sum.py is wrong", "/tmp/1/test_total.py is wrong"),
        ("no answer", "no answer from the database"),
        ("", "broken"),
    ],
)
def test_another_failure_is_another_one(one, other):
    assert signature_of(one) != signature_of(other)


@pytest.mark.parametrize(
    "part", ["a", "/", "a/", "0", "0.", "a@", " ", "\\", "f", "0x", "-", "a.", "1:", "é"]
)
def test_long_texts_of_any_kind_are_taken(part):
    assert len(signature_of(part * 50_000)) == 32
