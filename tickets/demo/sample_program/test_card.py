from ledger.card import masked, valid


def test_a_number_with_a_good_check_digit_is_valid():
    assert valid("4539 1488 0343 6467")


def test_two_digits_changed_about_are_noticed():
    assert not valid("4539 1488 0343 4667")


def test_a_short_number_is_not_valid():
    assert not valid("0")


def test_only_the_last_four_digits_are_shown():
    assert masked("4539 1488 0343 6467") == "************6467"
