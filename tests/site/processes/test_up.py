"""`manage.py up`, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from omoi_site.database import embedded
from omoi_site.setup import paths
from tests.support import ROOT, children
from tests.support.up_process import Up, lives, short_home
from tests.support.wait import until


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """A running server; a test that ends it starts its own."""
    with short_home() as home:
        server = Up(home).ready()
        yield server
        assert server.stop() == 0, server.said


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


@pytest.fixture
def ready_home() -> Iterator[Path]:
    """An OMOI_HOME that has its database."""
    with short_home(ready=True) as made:
        yield made


def test_it_serves_and_can_be_found(up):
    facts = up.facts

    assert up.get("/healthz") == 200
    assert facts["pid"] == up.process.pid
    assert set(facts["children"]) == {"web", "worker", "clock"}
    assert (up.home / "server.json").stat().st_mode & 0o077 == 0


def test_it_prints_a_link_that_signs_the_operator_in(up):
    [line] = [line for line in up.said.splitlines() if "Sign in, once" in line]
    assert f"{up.facts['url']}/login/once/" in line
    assert "as admin" in line


@pytest.mark.full
def test_another_link_is_made_while_it_runs(up):
    made = up.manage("login-link", "admin")
    link = made.stdout.strip()
    assert link.startswith(f"{up.facts['url']}/login/once/")
    assert "after 72 hours" in made.stderr
    assert up.get(link.removeprefix(up.facts["url"])) == 200


@pytest.mark.full
def test_a_killed_web_process_is_started_again_and_nobody_is_turned_away(up):
    old = up.facts["children"]["web"]

    os.kill(old, signal.SIGKILL)

    assert up.get("/healthz") == 200  # it waited in line
    assert until(lambda: up.facts["children"]["web"] != old)


@pytest.mark.full
def test_a_killed_postgresql_is_started_again(up):
    old = up.postmaster()

    os.kill(old, signal.SIGKILL)

    until(lambda: "PostgreSQL runs again" in up.said)
    assert up.postmaster() != old
    assert until(lambda: up.get("/readyz") == 200)


@pytest.mark.full
def test_a_second_up_in_the_same_folder_is_refused_by_name(up):
    second = Up(up.home, "--port=0", paper="second")

    assert second.process.wait(30) == 1
    assert f"pid {up.process.pid}, {up.facts['url']}" in second.said
    assert up.get("/healthz") == 200


@pytest.mark.full
def test_a_taken_port_is_refused_before_anything_is_started(home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = Up(home, f"--port={other.getsockname()[1]}")
        assert refused.process.wait(30) == 1

    assert "--port" in refused.said
    assert not home.exists()


@pytest.mark.full
def test_a_taken_port_leaves_the_home_that_was_there_as_it_was(home):
    home.mkdir(mode=0o711)
    (home / "secret_key").write_text("known to sessions")
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert Up(home, f"--port={other.getsockname()[1]}").process.wait(30) == 1

    assert (home / "secret_key").read_text() == "known to sessions"


@pytest.mark.full
def test_told_to_end_it_leaves_no_process_and_starts_again_on_what_it_kept(ready_home):
    first = Up(ready_home).ready()
    mine = [first.postmaster(), *first.facts["children"].values()]
    assert first.stop(signal.SIGINT) == 0
    assert "Stopping. Running work has 40 s" in first.said
    assert "Waiting for web, worker, clock to end." in first.said
    assert first.said.splitlines()[-1] == "Waiting for PostgreSQL to write its data to disk."
    assert not any(lives(pid) for pid in mine)
    assert not (ready_home / "server.json").exists()

    second = Up(ready_home, paper="second").ready()
    assert "Migrated" not in second.said
    assert second.stop() == 0


@pytest.mark.full
def test_after_the_supervisor_was_killed_another_takes_over_its_port_at_once(ready_home):
    first = Up(ready_home).ready()
    port = first.facts["url"].rpartition(":")[2]
    mine = [first.postmaster(), *first.facts["children"].values()]

    first.process.kill()
    first.process.wait()
    second = Up(ready_home, f"--port={port}", paper="second").ready()

    assert second.get("/healthz") == 200
    until(lambda: not any(lives(pid) for pid in mine))
    assert second.stop() == 0


@pytest.mark.full
def test_it_starts_after_everything_was_killed(ready_home):
    first = Up(ready_home).ready()
    for pid in [first.process.pid, first.postmaster(), *first.facts["children"].values()]:
        os.kill(pid, signal.SIGKILL)
    first.process.wait()

    second = Up(ready_home, paper="second").ready()

    assert second.get("/healthz") == 200
    assert second.stop() == 0


@pytest.mark.full
def test_a_data_folder_of_another_postgresql_is_refused_and_left_alone(home):
    data = paths.make_data_folder(home) / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")

    refused = Up(home)

    assert refused.process.wait(30) == 1
    assert "written by PostgreSQL 15, and this is PostgreSQL 18" in refused.said
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.full
def test_an_existing_database_is_saved_before_it_is_migrated(ready_home):
    """One migration is left to do, and may be done twice."""
    server = embedded.Server(ready_home, throwaway=True)
    server.start()
    with server.connect(superuser=True) as link:
        link.execute("DELETE FROM django_migrations WHERE name = '0012_alter_user_first_name_max_length'")
    server.process.send_signal(signal.SIGINT)  # in good order, so that nothing is lost
    server.process.wait(30)

    up = Up(ready_home).ready()

    assert "Migrated" in up.said
    [saved] = (ready_home / "backups").iterdir()
    assert saved.name in up.said
    assert saved.stat().st_mode & 0o077 == 0
    assert up.stop() == 0


@pytest.mark.full
def test_it_runs_on_a_database_of_yours_and_keeps_no_other(home, tmp_path):
    theirs = {**os.environ, "OMOI_HOME": str(home)}
    with children.running(
        [sys.executable, str(ROOT / "manage.py"), "postgres"], env=theirs, stdout=subprocess.PIPE, text=True
    ) as server:
        addresses = server.stdout.readline().partition("ready: ")[2].split()

        up = Up(tmp_path / "ours", env=dict(address.split("=", 1) for address in addresses)).ready()

        assert up.get("/readyz") == 200
        assert not (tmp_path / "ours" / "data").exists()
        assert up.stop() == 0
        assert server.poll() is None
        server.terminate()


@pytest.mark.full
def test_told_twice_it_does_not_wait_for_work_that_does_not_end(ready_home):
    up = Up(ready_home).ready()
    os.kill(up.facts["children"]["worker"], signal.SIGSTOP)

    up.process.send_signal(signal.SIGINT)
    until(lambda: "Waiting for worker to end." in up.said)
    assert "press Ctrl-C again to shorten this to 2 s" in up.said
    began = time.monotonic()

    assert up.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 15  # instead of 40


@pytest.mark.full
def test_told_to_end_while_it_starts_it_leaves_nothing(ready_home):
    up = Up(ready_home)
    until(lambda: "PostgreSQL is ready" in up.said)
    postmaster = up.postmaster()

    assert up.stop() == 0
    assert not lives(postmaster)
    assert "Sign in, once" not in up.said


@pytest.mark.full
def test_the_browser_is_shown_the_link_without_telling_everyone(home, tmp_path):
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o755)
    terminal, inner = os.openpty()
    environment = {**os.environ, "OMOI_HOME": str(home), "BROWSER": f"{browser} %s &", "DISPLAY": ":7"}
    words = [sys.executable, str(ROOT / "manage.py"), "up", "--port=0"]
    with children.running(words, env=environment, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        os.set_blocking(terminal, False)

        def shown():
            with contextlib.suppress(BlockingIOError):
                os.read(terminal, 1 << 16)  # whoever writes to a terminal that nobody reads waits for ever
            return seen.exists()

        assert until(shown, 170)

        page = home / "open.html"
        assert seen.read_text().strip() == page.as_uri()
        assert "/login/once/" in page.read_text()
        assert page.stat().st_mode & 0o077 == 0

        process.terminate()
        assert process.wait(60) == 0
        assert not page.exists()
    os.close(terminal)
