"""The clock of a checkout without the sweeps that are named: to see what they are for."""

from __future__ import annotations

import sys


def main() -> None:
    import django

    django.setup()
    from tickets.runtime.clock import Clock
    from tickets.runtime.sweeps import SWEEPS

    Clock([sweep for sweep in SWEEPS if sweep.name not in sys.argv[1:]]).run()


main()
