"""The environment of the peers: a folder in OMOI_HOME with the packages that `bench/peers.txt` pins, made
when a bench first needs it. Nothing of it is installed for Omoi itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.checkout import ROOT
from bench.processes import BenchFailed

PINS = ROOT / "bench" / "peers.txt"
PEERS = ROOT / "bench" / "peers"
NO_INDEX = (
    "The peers that this bench compares Omoi with could not be installed, because PyPI did not answer."
    " Connect this machine to the network, or name another index in PIP_INDEX_URL, then run this again."
    " The end of pip's messages:\n{log}"
)


def folder() -> Path:
    """Where the peers are installed: in OMOI_HOME, so that they are kept between runs."""
    return Path(os.environ.get("OMOI_HOME") or ROOT / ".omoi").absolute() / "bench-peers"


def python_of_peers(progress: Callable[..., Any]) -> Path:
    """The Python of the peers' environment, which has exactly the pinned packages. progress: makes a bar."""
    place, wanted = folder(), hashlib.sha256(PINS.read_bytes()).hexdigest()
    done = place / "installed"
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "bench-peers.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # benches that start together: one installs
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            _install(place, progress)
            done.write_text(wanted)
    return place / "bin" / "python"


def _install(place: Path, progress: Callable[..., Any]) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
    words = [str(place / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    words += ["--no-deps", "-r", str(PINS)]
    pins = sum(line[:1].isalpha() for line in PINS.read_text().splitlines())
    log: list[str] = []
    with (
        progress(total=pins, unit="package", desc="installing the peers") as bar,
        subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip,
    ):
        assert pip.stdout
        for line in pip.stdout:
            log.append(line)
            if line.startswith("Collecting "):
                bar.update()
    if pip.returncode:
        shutil.rmtree(place, ignore_errors=True)
        raise BenchFailed(NO_INDEX.format(log="".join(log)[-800:]))
