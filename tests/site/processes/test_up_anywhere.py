"""`manage.py up` wherever it is put and whoever runs it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omoi_site.setup import paths
from tests.support.up_process import Up, copy_code, short_home

pytestmark = pytest.mark.full
STRANGER = pwd.getpwnam("nobody").pw_uid
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user: run the tests as root"
)


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


@pytest.fixture
def clone(home: Path) -> Callable[[Path], Path]:
    """A copy of the code at a place of one's choice."""
    return copy_code


def serves(up: Up) -> None:
    try:
        assert up.ready().get("/healthz") == 200
    finally:
        assert up.stop() == 0, up.said


def serves_from(root: Path, **options: object) -> int:
    """Twice: what the first start made must suit the second. Returns whose the data is."""
    home = root / ".omoi"
    try:
        for paper in ("first", "second"):
            serves(Up(home, paper=paper, root=root, **options))
        return (paths.data_folder(home) / "data").stat().st_uid
    finally:
        for elsewhere in (paths.socket_folder(home), paths.data_folder(home)):
            shutil.rmtree(elsewhere, ignore_errors=True)


def test_from_a_path_with_spaces_and_other_letters(home, clone):
    serves_from(clone(home / "Omoi's clone, n° 1 %s"))


def test_from_a_path_longer_than_a_socket_may_have(home, clone):
    root = clone(home / ("long " * 12) / ("longer_" * 14))
    assert len(str(root)) > 150
    serves_from(root)


@as_root
def test_as_root_from_a_checkout_that_the_account_of_postgresql_cannot_enter(home, clone):
    root = clone(home / "closed" / "clone")
    os.chown(home / "closed", STRANGER, STRANGER)
    (home / "closed").chmod(0o700)

    serves_from(root)

    assert (home / "closed").stat().st_mode & 0o777 == 0o700


@as_root
def test_as_an_ordinary_user(home, clone):
    home.mkdir()
    home.chmod(0o755)
    python, packages = reachable_python(home)
    root = clone(home / "clone")
    (root / ".venv").unlink()
    for path in (root, *root.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
    os.chown(home, STRANGER, STRANGER)

    nobodys = {
        "user": STRANGER,
        "group": STRANGER,
        "extra_groups": [],
        "cwd": "/",
        "env": {"PYTHONPATH": packages, "HOME": str(home)},
    }
    assert serves_from(root, python=python, **nobodys) == STRANGER


@as_root
def test_an_ordinary_user_is_told_whose_folder_it_is(home, clone):
    home.mkdir(mode=0o755)
    python, packages = reachable_python(home)
    refused = Up(
        home,
        root=clone(home.parent / "clone"),
        python=python,
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": packages},
    )

    assert refused.process.wait(30) == 1
    assert "OMOI_HOME" in refused.said
    assert "Traceback" not in refused.said


def reachable_python(home: Path) -> tuple[str, str]:
    """A Python of our version that the stranger may run, and our packages where it may read them."""
    shared = home.parent / "packages"
    [ours] = Path(sys.prefix).glob("lib/python*/site-packages")
    left_out = shutil.ignore_patterns("playwright", "mypy*", "hypothesis*", "ruff*")
    shutil.copytree(ours, shared, ignore=left_out, copy_function=link)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (os.path.realpath(sys.executable), f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            if (
                subprocess.run(
                    [python, "-c", ""], user=STRANGER, group=STRANGER, extra_groups=[], cwd="/"
                ).returncode
                == 0
            ):
                return python, str(shared)
        except OSError:
            continue
    pytest.skip(f"no {version} on this machine that another user may run: install Debian's python3")


def link(source: str, to: str) -> None:
    """A copy that costs nothing, where the original can be read by everyone and lies on the same disk."""
    try:
        if not os.stat(source).st_mode & 0o004:
            raise PermissionError(source)
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)  # with its time, by which Python knows what it has compiled
        os.chmod(to, os.stat(to).st_mode | 0o444)
