"""An OMOI_HOME that was copied or moved: it never works on the database of another one, and there is a way
out.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from omoi_site.database import embedded
from omoi_site.database.data_folder import SHUT_DOWN
from omoi_site.setup import moved_home, paths
from tests.support import ROOT, children
from tests.support.up_process import Up, short_home


@pytest.fixture(autouse=True)
def nothing_stays_elsewhere(tmp_path):
    """What a folder of the test got elsewhere, because the server's account cannot enter it, goes with the
    test.
    """
    yield
    for folder in tmp_path.iterdir():
        shutil.rmtree(paths._elsewhere(folder.resolve()), ignore_errors=True)


@pytest.fixture(params=["inside", pytest.param("elsewhere", marks=pytest.mark.full)])
def home(request, tmp_path):
    """An OMOI_HOME whose data lies inside, or elsewhere because the server's account cannot enter it."""
    if request.param == "inside":
        with short_home(ready=True) as found:
            yield found
    else:
        if os.geteuid() != 0:
            pytest.skip("only root keeps data outside of OMOI_HOME: run this as root")
        (tmp_path / "closed").mkdir(mode=0o700)
        with short_home(folder=str(tmp_path / "closed"), ready=True) as found:
            yield found


@pytest.fixture
def copy(home):
    """Where it is copied to; gone afterwards with what lay elsewhere for it."""
    where = home.with_name("copy")
    yield where
    note = paths.Note.of(where)
    ours = {note.data_folder} if note and note.speaks_of(where) else set()
    for folder in {where, paths._elsewhere(where.resolve()), *ours}:
        shutil.rmtree(folder, ignore_errors=True)


def manage(home, *words):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "OMOI_HOME": str(home)
    }
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *words], env=environment, capture_output=True, text=True
    )


@contextlib.contextmanager
def database_alone(home):
    """Its PostgreSQL, without the roles; shut down in good order."""
    server = embedded.Server(home)
    server.start()
    yield
    server.stop()


def signed_in(url, path):
    """Whether this one-time link is good there."""
    there = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(there.hostname, there.port, timeout=30)) as link:
        token = "a" * 32
        form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"csrftoken={token}"}
        link.request("POST", path, f"csrfmiddlewaretoken={token}", form)
        return link.getresponse().status == 302


def copied(home, copy):
    subprocess.run(["cp", "-a", home, copy], check=True)


@pytest.mark.full
def test_a_copy_is_refused_by_every_command():
    """Wherever its data lies: each looks for it in the same way."""
    with short_home(ready=True) as home:
        copy = home.with_name("copy")
        copied(home, copy)
        for words in (
            "keys create --user admin",
            "import beads LICENSE --project NEW",
            "login-link",
            "migrate",
            "clock",
            "worker",
        ):
            done = manage(copy, *words.split())
            assert (done.returncode, "was copied from" in done.stderr) == (1, True), (words, done.stderr)
        refused = manage(copy, "projects", "create", "NEW", "--json")
        assert json.loads(refused.stdout)["code"] == "home_displaced"
        assert "was copied from" in manage(copy, "doctor").stdout


@pytest.mark.full
def test_a_copy_is_refused_and_adopted_with_a_copy_of_the_database(home, copy):
    with database_alone(home):
        assert manage(home, "projects", "create", "KEPT", "--workflow", "simple").returncode == 0
    copied(home, copy)
    data = paths.data_folder(home) / "data"
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}

    refused = Up(copy)
    assert refused.process.wait(30) == 1
    assert "was copied from" in refused.said
    assert "--adopt" in refused.said
    for words in ("projects create NEW", "web", "postgres"):
        done = manage(copy, *words.split())
        assert (done.returncode, "was copied from" in done.stderr) == (1, True), (words, done.stderr)
    moved = Up(copy, "--port=0", "--moved", paper="moved")
    assert moved.process.wait(30) == 1
    assert "is still there" in moved.said
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before

    adopted = Up(copy, "--port=0", "--adopt", paper="adopted").ready()
    original = Up(home, paper="again").ready()  # both at once, each on its own
    assert (copy / "secret_key").read_text() != (
        home / "secret_key"
    ).read_text()  # what one signs is not valid for the other
    for run, other in ((original, adopted), (adopted, original)):
        link = urlsplit(re.search(r"Sign in, once\s+(\S+)", run.said)[1])
        assert [signed_in(each.facts["url"], link.path) for each in (other, run)] == [False, True]
    assert manage(copy, "projects", "create", "ONLY").returncode == 0
    assert manage(home, "projects", "create", "ONLY").returncode == 0
    assert manage(copy, "projects", "create", "KEPT").returncode == 1
    assert paths.data_folder(copy) != paths.data_folder(home)
    assert (adopted.stop(), original.stop()) == (0, 0)
    assert "was copied from" not in manage(copy, "doctor").stdout


@pytest.mark.full
def test_a_moved_home_takes_the_place_of_the_one_that_is_gone(home, copy):
    home.rename(copy)

    refused = Up(copy)
    assert refused.process.wait(30) == 1
    assert "--moved" in refused.said
    assert not home.exists()

    moved = Up(copy, "--port=0", "--moved", paper="moved").ready()
    assert moved.stop() == 0
    assert Up(copy, paper="later").ready().stop() == 0


def test_a_copy_begins_anew_and_keeps_what_it_brought(tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    data_folder = paths.make_data_folder(home)
    if data_folder != home:
        pytest.skip(f"the data of {home} lies elsewhere: this test wants it inside")
    (home / "data").mkdir()
    (home / "data" / "PG_VERSION").write_text(f"{embedded.MAJOR}\n")
    (home / "secret_key").write_text("known to both")
    copied(home, copy)

    assert "starts with an empty database" in moved_home.resolve_displaced(copy, "begin-anew")

    assert paths.data_folder(copy) == copy.resolve()
    assert not (copy / "data").exists()
    assert [path.name.partition("-")[0] for path in copy.glob("data.*")] == ["data.before"]
    assert moved_home.resolve_displaced(copy, "begin-anew") == ""
    assert not (copy / "secret_key").exists()
    assert (home / "data" / "PG_VERSION").exists()


def test_a_copy_of_a_database_in_use_is_not_adopted(tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    data_folder = paths.make_data_folder(home)
    (data_folder / "data").mkdir(parents=True, exist_ok=True)
    (data_folder / "data" / "PG_VERSION").write_text(f"{embedded.MAJOR}\n")
    (data_folder / "data" / "postmaster.pid").write_text("1\n")
    copied(home, copy)
    try:
        with pytest.raises(paths.Displaced, match="in use when it was copied"):
            moved_home.resolve_displaced(copy, "adopt")
        with pytest.raises(paths.Displaced):
            paths.data_folder(copy)
    finally:
        if data_folder != home:
            shutil.rmtree(data_folder)


def database_of(home):
    """A data folder that was shut down in good order, as far as that can be seen, in an OMOI_HOME whose data
    lies elsewhere.
    """
    home.mkdir()
    paths.Note(home.with_name("elsewhere"), home).write(home)
    data = home.with_name("elsewhere") / "data"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text(f"{embedded.MAJOR}\n")
    (data / "global" / "pg_control").write_bytes(bytes(16) + SHUT_DOWN + bytes(100))
    return data


def test_a_copy_of_a_database_that_was_not_shut_down_is_not_adopted(tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    data = database_of(home)
    copied(home, copy)
    (data / "global" / "pg_control").write_bytes(bytes(16) + b"\6\0\0\0" + bytes(100))  # in production
    with pytest.raises(paths.Displaced, match="in use"):
        moved_home.resolve_displaced(copy, "adopt")


def test_a_database_that_was_started_while_it_was_copied_is_not_adopted(tmp_path, monkeypatch):
    home, copy = tmp_path / "home", tmp_path / "copy"
    data = database_of(home)
    copied(home, copy)
    copytree = shutil.copytree

    def slow(*args, **options):
        copytree(*args, **options)
        (data / "global" / "pg_control").write_bytes(
            bytes(16) + SHUT_DOWN + bytes(99) + b"x"
        )  # started, and shut down again

    monkeypatch.setattr(shutil, "copytree", slow)
    with pytest.raises(paths.Displaced, match="in use"):
        moved_home.resolve_displaced(copy, "adopt")
    with pytest.raises(paths.Displaced):
        paths.data_folder(copy)
    assert not list(paths.chosen(copy).glob("data*"))


def test_a_home_whose_database_is_at_work_has_not_moved(tmp_path):
    home, moved = tmp_path / "home", tmp_path / "moved"
    data = database_of(home)
    home.rename(moved)
    with children.running(["sleep", "600"], cwd=data) as server:
        try:
            (data / "postmaster.pid").write_text(f"{server.pid}\n")
            with pytest.raises(paths.Displaced, match="PostgreSQL is running"):
                moved_home.resolve_displaced(moved, "moved")
        finally:
            server.kill()
    assert "takes the place" in moved_home.resolve_displaced(moved, "moved")
    assert paths.data_folder(moved) == data.parent


def test_the_same_home_by_another_path_is_the_same(tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    data_folder = paths.make_data_folder(home)
    other.symlink_to(home)
    assert paths.data_folder(other) == data_folder


def test_notes_of_earlier_versions_are_read(tmp_path):
    home, copy = tmp_path / "home", tmp_path / "copy"
    home.mkdir()
    for noted in (home, paths._elsewhere(home)):
        (home / "place").write_bytes(os.fsencode(noted) + b"\n")
        assert paths.data_folder(home) == noted
        copied(home, copy)
        with pytest.raises(paths.Displaced):
            paths.data_folder(copy)
        shutil.rmtree(copy)


@pytest.mark.full
def test_a_database_that_is_gone_is_refused_and_not_made_anew_without_a_word(home):
    data_folder = paths.data_folder(home)
    away = home.with_name("away")
    shutil.move(data_folder if data_folder != home else data_folder / "data", away)

    refused = Up(home, paper="refused")
    assert refused.process.wait(30) == 1
    assert "that folder is missing" in refused.said
    assert "--begin-anew" in refused.said
    assert "that folder is missing" in manage(home, "doctor").stdout
    assert "that folder is missing" in manage(home, "postgres").stderr
    assert not (data_folder / "data").exists()

    shutil.move(away, data_folder if data_folder != home else data_folder / "data")
    assert Up(home, paper="back").ready().stop() == 0
    shutil.rmtree(data_folder / "data")
    assert Up(home, "--port=0", "--begin-anew", paper="anew").ready().stop() == 0
    assert "that folder is missing" not in manage(home, "doctor").stdout


def test_a_first_start_that_did_not_come_to_a_database_is_begun_again(tmp_path):
    paths.make_data_folder(tmp_path / "home")
    paths.expect_data(tmp_path / "home")


@pytest.mark.parametrize("note", [None, ""])
def test_a_home_without_a_note_whose_database_is_gone_begins_anew(tmp_path, note):
    home = tmp_path / "home"
    home.mkdir(mode=0o711)
    for name in (paths.PASSWORD, paths.SECRET_KEY):
        (home / name).write_text("old")
    if note is not None:
        (home / "place").write_text(note)
    with pytest.raises(paths.DataGone, match="that folder is missing"):
        paths.expect_data(home)

    assert moved_home.resolve_displaced(home, "moved") == ""
    assert "starts with an empty database" in moved_home.resolve_displaced(home, "begin-anew")
    paths.expect_data(home)
    assert not (home / paths.SECRET_KEY).exists()
