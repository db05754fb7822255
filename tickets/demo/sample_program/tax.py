"""Value added tax, in whole cents."""

RATES = {"standard": 19, "reduced": 7, "none": 0}


def tax(net, rate="standard"):
    """The tax on a net amount, half a cent rounded up."""
    if rate not in RATES:
        raise ValueError(f"there is no rate {rate}")
    return (net * RATES[rate] * 2 + 100) // 200


def gross(net, rate="standard"):
    return net + tax(net, rate)


def net(gross_amount, rate="standard"):
    """The net amount whose gross this is."""
    factor = 100 + RATES[rate]
    return (gross_amount * 200 + factor) // (2 * factor)
