import pytest
from ledger.exchange import Exchange

TABLE = Exchange({"EUR": "1", "USD": "0.92", "SEK": "0.088"})


def test_an_amount_is_exchanged_by_the_table():
    assert TABLE.convert(10000, "USD", "EUR") == 9200


def test_two_currencies_meet_over_the_home_currency():
    assert TABLE.convert(8800, "SEK", "USD") == 842


def test_a_currency_without_a_rate_is_refused():
    with pytest.raises(KeyError, match="XXX"):
        TABLE.convert(1, "XXX", "EUR")
