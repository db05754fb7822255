from ledger.settle import owed, payments


def test_who_paid_more_is_owed_the_difference():
    assert owed({"ada": 3000, "bob": 0, "eve": 0}) == {"ada": 2000, "bob": -1000, "eve": -1000}


def test_payments_make_everybody_even():
    assert payments({"ada": 3000, "bob": 0, "eve": 0}) == [("bob", "ada", 1000), ("eve", "ada", 1000)]
    assert payments({"ada": 500, "bob": 500}) == []
