import pytest
from ledger.tax import gross, net, tax


def test_half_a_cent_is_rounded_up():
    assert tax(50, "reduced") == 4


def test_the_gross_amount_holds_the_tax():
    assert gross(10000) == 11900
    assert gross(10000, "none") == 10000


def test_net_and_gross_lead_back_to_each_other():
    assert all(net(gross(amount)) == amount for amount in range(0, 5000, 7))


def test_an_unknown_rate_is_refused():
    with pytest.raises(ValueError, match="no rate"):
        tax(100, "luxury")
