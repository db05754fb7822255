"""Random histories in a process of its own, on a temporary database of its own."""

from __future__ import annotations

import time
import traceback

from bench.options import progress
from bench.temporary_server import temporary_server

TOLD = 1000  # acts, after which it says how long they took


def histories(acts: int, seed: int, place: int) -> tuple[int, str]:
    """How many acts were done, and the history that went wrong, if one did. place: of its progress bar."""
    with temporary_server():
        # it chooses the database before Django reads the settings
        from django.contrib.auth import get_user_model

        from tests.histories.run import run

        operator = get_user_model().objects.create_superuser("admin", password=None)
        done, since = 0, time.monotonic()
        with progress(total=acts, unit="act", desc=f"seed {seed}", position=place) as bar:

            def note() -> None:
                nonlocal done, since
                done += 1
                bar.update()
                if done % TOLD == 0:
                    bar.write(
                        f"seed {seed}: {done} acts, the last {TOLD} in {time.monotonic() - since:.0f} s"
                    )
                    since = time.monotonic()

            try:
                run(operator, acts, seed, note=note)
            except AssertionError as broken:
                return done, str(broken)
            except Exception:  # of the database, or of the product itself
                return done, traceback.format_exc()
    return done, ""
