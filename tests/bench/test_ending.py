"""A bench that is ended at the worst moment leaves no process and no file."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

# SIGTERM comes when the child runs, and before its `Popen` is known to anyone. The child ends slowly.
CHILD = """
trap 'sleep 1; exit' TERM
echo ready
while :; do sleep 0.05; done
"""
SCRIPT = """
import os, signal, subprocess, sys
from bench.processes import Process
from bench.scratch import scratch
from tests.support.wait import until

started = subprocess.Popen.__init__
def at_the_worst_moment(self, *words, **options):
    started(self, *words, **options)
    until(lambda: "ready" in (folder / "log").read_text())
    print(self.pid, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
subprocess.Popen.__init__ = at_the_worst_moment

with scratch() as folder:
    Process(["sh", "-c", sys.argv[1]], folder / "log", environment={"PATH": os.environ["PATH"]})
    signal.pause()
"""


@pytest.mark.full
def test_a_signal_between_a_start_and_its_stop(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, CHILD],
        cwd=settings.ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(settings.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 143, done.stderr
    assert not os.path.exists(f"/proc/{done.stdout.strip()}")
    assert list(tmp_path.iterdir()) == []
