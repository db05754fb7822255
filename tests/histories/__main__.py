"""`python3 -m tests.histories`: random histories of the fleet, against a model, on temporary databases."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys

from bench.options import number
from tests.histories.process import histories


def main() -> None:
    asks = argparse.ArgumentParser(prog="python3 -m tests.histories", description=__doc__)
    asks.add_argument("--acts", type=number, default=20_000, help="how many in all (20,000)")
    asks.add_argument("--processes", type=number, default=2, help="that share them (2)")
    asks.add_argument("--seed", type=int, help="as a run before has printed it, to get its histories again")
    options = asks.parse_args()
    first = random.randrange(2**32) if options.seed is None else options.seed
    print(f"seed {first}", flush=True)
    share = -(-options.acts // options.processes)
    seeds = [first + place for place in range(options.processes)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as processes:
        found = processes.starmap(
            histories, [(share, seed, place) for place, seed in enumerate(seeds)], chunksize=1
        )
    for seed, (_, broken) in zip(seeds, found, strict=True):
        if broken:
            print(broken, file=sys.stderr)
            print(f"again: python3 -m tests.histories --acts {share} --processes 1 --seed {seed}")
    if any(broken for _, broken in found):
        sys.exit(1)
    print(f"{sum(done for done, _ in found)} acts, and the database did what the model says after each")


if __name__ == "__main__":
    main()
