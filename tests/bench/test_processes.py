"""What a bench reads of processes, some of which end while it looks."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.processes import cpu_ns, cpu_s, process_tree, rss_bytes


def ended() -> int:
    """The pid of a process that is gone."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_process_that_has_just_ended_is_left_out():
    mine, gone = os.getpid(), ended()

    assert list(rss_bytes([gone, mine])) == [mine]
    assert cpu_ns([gone]) == 0
    assert cpu_s([gone]) == 0
    assert process_tree(gone) == [gone]


def test_a_tree_is_a_process_and_all_below_it():
    nested = "import subprocess, sys; subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE) as child:
        assert child.pid in process_tree(os.getpid())
        assert process_tree(child.pid)[0] == child.pid
        assert rss_bytes([child.pid])[child.pid] > 0
        child.communicate()
