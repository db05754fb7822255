"""Account numbers: the checksum of an IBAN."""


def valid(text):
    """Whether the two check digits fit the rest."""
    plain = text.replace(" ", "").upper()
    if not (plain.isascii() and plain.isalnum() and 15 <= len(plain) <= 34):
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def grouped(text):
    """In groups of four, as it is printed."""
    plain = text.replace(" ", "").upper()
    return " ".join(plain[place : place + 4] for place in range(0, len(plain), 4))
