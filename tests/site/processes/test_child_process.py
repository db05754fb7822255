"""How a supervised process is judged: by whether it had been ready when it died."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from omoi_site.processes.child_process import Child
from tests.support.wait import until

READY = "import os, time; os.write(int(os.environ['OMOI_READY_FD']), b'ready\\n'); time.sleep(60)"


@pytest.fixture
def child(tmp_path):
    made = Child("web", home=tmp_path)
    yield made
    made.kill()
    if made.process:
        made.process.wait()


def start(child: Child, code: str) -> None:
    child.words = [sys.executable, "-c", code]
    child.start()


def test_one_that_had_been_ready_is_due_at_once(child):
    start(child, READY)
    child.read_ready()
    assert child.ready

    child.send(signal.SIGKILL)
    until(child.died)

    assert child.due <= time.monotonic()
    assert child.exit_text == "was ended by SIGKILL"


def test_one_that_dies_before_it_is_ready_is_due_later_and_later_until_it_has_been_ready(child):
    pauses = []
    for _ in range(3):
        start(child, "import sys; sys.exit('no such table')")
        until(child.died)
        pauses.append(child.due - time.monotonic())
    assert 0 < pauses[0] <= 0.5 < pauses[1] <= 1.0 < pauses[2] <= 2.0
    assert child.log_tail() == "no such table"

    start(child, READY)
    child.read_ready()
    child.kill()
    until(child.died)
    start(child, "raise SystemExit(1)")
    until(child.died)
    assert child.due - time.monotonic() <= 0.5


def test_it_gets_none_of_our_files_but_those_it_was_given(child, tmp_path):
    with (tmp_path / "secret").open("w") as secret:
        start(child, f"import os; os.fstat({secret.fileno()})")
        until(child.died)

    assert "Bad file descriptor" in child.log_tail()


def test_one_that_runs_once_is_started_again_only_when_somebody_ended_it(child):
    child.once = True
    start(child, "pass")
    until(child.died)
    assert (child.over, child.due) == (True, None)
    assert not child.died()

    child.over = False
    start(child, READY)
    child.send(signal.SIGKILL)
    until(child.died)
    assert not child.over
    assert child.due is not None


def test_one_whose_code_was_changed_is_tried_again_at_once(child):
    for _ in range(2):
        start(child, "raise SystemExit(1)")
        until(child.died)
    assert child.due > time.monotonic()

    child.hurry()

    assert child.due <= time.monotonic()
    start(child, "raise SystemExit(1)")
    until(child.died)
    assert child.due - time.monotonic() <= 0.5  # the failures of before count no more


def test_one_does_not_get_the_address_of_the_databases_owner(child, monkeypatch):
    monkeypatch.setenv("OMOI_OWNER_URL", "postgresql://omoi_owner:secret@/omoi")

    start(child, "import os, sys; sys.exit(' '.join(os.environ))")

    until(child.died)
    assert "OMOI_HOME" in child.log_tail()
    assert "OMOI_OWNER_URL" not in child.log_tail()
