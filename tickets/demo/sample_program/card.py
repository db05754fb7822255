"""Card numbers: their check digit, and what may be shown of them."""


def valid(number):
    """Whether the check digit fits (Luhn)."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return len(digits) > 11 and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def masked(number):
    """All but the last four digits hidden."""
    digits = "".join(digit for digit in number if digit.isdigit())
    return "*" * (len(digits) - 4) + digits[-4:]
