from ledger.reminder import due, fee


def test_nothing_is_sent_before_the_first_day():
    assert due(0) is None


def test_each_step_has_its_day():
    assert [due(days) for days in (1, 13, 14, 30)] == [
        "reminder",
        "reminder",
        "second reminder",
        "final notice",
    ]


def test_the_fee_begins_with_the_second_reminder():
    assert (fee(100_00, 13), fee(100_00, 14), fee(1_000_000_00, 90)) == (0, 100, 4000)
