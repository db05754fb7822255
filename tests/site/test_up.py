"""`manage.py up`, with real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.site.upping import Up, short_home, wait_for


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A running server; a test that ends it starts its own."""
    with short_home() as home:
        server = Up(home).ready()
        yield server
        assert server.stop() == 0, server.said


def test_it_serves_and_can_be_found(up):
    facts = up.facts

    assert up.get("/readyz") == 200
    assert facts["pid"] == up.process.pid
    assert set(facts["children"]) >= {"web"}
    assert (up.home / "server.json").stat().st_mode & 0o077 == 0


def test_it_prints_a_link_that_names_no_password(up):
    [line] = [line for line in up.said.splitlines() if "Sign in, once" in line]
    assert f"{up.facts['url']}/login/once/" in line


def test_a_killed_web_process_is_started_again_and_nobody_is_turned_away(up):
    old = up.facts["children"]["web"]

    os.kill(old, signal.SIGKILL)

    assert up.get("/healthz") == 200  # it waited in line
    assert wait_for(lambda: up.facts["children"]["web"] != old)


def test_a_second_up_in_the_same_folder_is_refused_by_name(up):
    second = Up(up.home, "--port=0")
    second.paper = up.paper

    assert second.process.wait(30) == 1
    assert f"pid {up.process.pid}, {up.facts['url']}" in up.said
