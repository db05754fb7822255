"""Starts that cannot succeed are refused in a sentence, within seconds, and leave nothing half-made."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omoi_site.database import binaries, embedded
from omoi_site.setup import disk_space, exposure, paths
from tests.support import ROOT
from tests.support.external import unavailable
from tests.support.up_process import Up, short_home


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many MiB."""
    with short_home() as home:

        def made(size: int) -> Path:
            home.mkdir()
            words = ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0711", "omoi-test", home]
            if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
                unavailable(
                    "small disk",
                    "a small disk is a tmpfs, which only root may mount: run the tests as root on a machine"
                    " that lets it",
                )
            return home

        yield made
        if os.path.ismount(home):
            subprocess.run(["umount", "--lazy", home], check=True)


def fill(file: Path) -> None:
    """All that is left of its disk."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as ballast:
        while ballast.write(b"x" * 4096):
            pass


def refused(up: Up, patience: float = 30) -> str:
    assert up.process.wait(patience) == 1, up.said
    assert "Traceback" not in up.said
    return up.said


@pytest.mark.full
def test_a_disk_without_room_is_refused_before_anything_is_begun(small_disk):
    home = small_disk(20) / "home"
    said = refused(Up(home))
    assert "MiB are free" in said
    assert "larger disk" in said
    assert not (paths.data_folder(home) / "data").exists()


def test_a_disk_that_fills_up_while_data_is_made_leaves_no_data(small_disk):
    home = small_disk(30) / "home"
    with pytest.raises((binaries.NoServer, disk_space.NoRoom), match="full"):
        embedded.Server(home, throwaway=True).start()
    assert not list(paths.data_folder(home).glob("data*"))


@pytest.mark.full
def test_data_on_a_disk_that_is_full_now_is_refused_at_once_and_kept(small_disk):
    home = small_disk(140) / "home"
    server = embedded.Server(home, throwaway=True)
    server.start()
    server.stop()
    fill(home / "ballast")

    began = time.monotonic()
    with pytest.raises((binaries.NoServer, disk_space.NoRoom), match="full"):
        server.start()
    assert time.monotonic() - began < 10
    up = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**os.environ, "OMOI_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert up.returncode == 1
    assert "MiB are free" in up.stderr or "No space left" in up.stderr
    assert "Traceback" not in up.stderr

    (home / "ballast").unlink()
    server.start()
    server.stop()


def test_a_file_that_does_not_fit_is_told_as_a_full_disk(tmp_path):
    with pytest.raises(disk_space.NoRoom, match="is full"), disk_space.needed(tmp_path):
        raise OSError(28, "No space left on device", str(tmp_path / "file"))
    with pytest.raises(PermissionError), disk_space.needed(tmp_path):
        raise PermissionError(13, "Permission denied")


@pytest.mark.full
def test_a_database_that_never_answers_is_named_within_seconds_and_its_password_is_not():
    with short_home() as home, socket.create_server(("127.0.0.1", 0)) as silent:
        number = silent.getsockname()[1]
        began = time.monotonic()
        up = Up(home, env={"DATABASE_URL": f"postgresql://omoi:s3cr3t-word@127.0.0.1:{number}/omoi"})
        said = refused(up)
    assert f"127.0.0.1:{number}" in said
    assert "s3cr3t" not in said
    assert time.monotonic() - began < 20


def test_an_address_that_cannot_be_read_is_not_repeated():
    with short_home() as home:
        said = refused(Up(home, env={"DATABASE_URL": "postgresql://omoi:s3cr3t/word@host:1/omoi"}))
    assert "Percent-encode" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    ("role", "environment", "why"),
    [
        ("web", {"OMOI_DEBUG": "1"}, "OMOI_DEBUG=1 shows code"),
        ("up", {"OMOI_DEBUG": "1"}, "OMOI_DEBUG=1 shows code"),
        ("web", {"OMOI_SECRET_KEY": "changeme"}, "everybody knows"),
        ("up", {"OMOI_SECRET_KEY": "x" * 50}, "too simple"),
    ],
)
@pytest.mark.full
def test_what_must_not_be_seen_is_not_served_to_other_machines(tmp_path, role, environment, why):
    words = [sys.executable, "manage.py", role, "--host", "0.0.0.0", "--port", "0"]
    seen = {**os.environ, "OMOI_HOME": str(tmp_path / "home"), **environment}
    done = subprocess.run(words, cwd=ROOT, env=seen, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "data").exists()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.0.2.1", False),
        ("no such", False),
    ],
)  # fmt: skip
def test_only_loopback_addresses_are_taken_for_such(host, loopback):
    assert exposure.is_loopback(host) is loopback


def test_a_secret_that_was_made_is_good_enough(settings):
    assert exposure.faults(debug=False, secret=settings.SECRET_KEY) == []


def test_an_empty_secret_is_told(tmp_path):
    (tmp_path / "secret_key").write_text("")
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "OMOI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "is empty. Remove it" in done.stderr


@pytest.fixture
def half_migrated():
    """An OMOI_HOME whose last migration fails, because what it makes is there already."""
    with short_home(ready=True) as home:
        server = embedded.Server(home, throwaway=True)
        server.start()
        with server.connect(superuser=True) as link:
            link.execute("DELETE FROM django_migrations WHERE app = 'tickets' AND name >= '0027'")
        server.process.send_signal(signal.SIGINT)  # in good order, so that nothing is lost
        server.process.wait(30)
        yield home


@pytest.mark.full
def test_a_migration_that_fails_is_reported_and_pushes_no_backup_out(half_migrated):
    older = half_migrated / "backups" / "omoi-20260101T000000.000000Z.dump"
    older.parent.mkdir()
    older.write_bytes(b"older")
    older.with_suffix(".new").touch()  # a killed start leaves it

    for number in range(2):
        said = refused(Up(half_migrated, paper=str(number)), 170)
        assert "could not be migrated. It is unchanged, so the backup was removed again." in said
        assert "already exists" in said

    assert list(older.parent.iterdir()) == [older]
