from ledger.iban import grouped, valid


def test_an_account_number_with_a_good_checksum_is_valid():
    assert valid("DE89 3704 0044 0532 0130 00")


def test_a_mistyped_digit_is_noticed():
    assert not valid("DE89 3704 0044 0532 0130 01")


def test_what_is_no_account_number_is_not_valid():
    assert not valid("DE89")
    assert not valid("DE89 3704 0044 0532 0130 ++")


def test_it_is_printed_in_groups_of_four():
    assert grouped("de89370400440532013000") == "DE89 3704 0044 0532 0130 00"
