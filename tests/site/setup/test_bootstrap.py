"""manage.py on a machine that does not have everything yet.

What needs no network is tried for real; pip is a small script.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.wait import until

PIP = """import pathlib, sys, time
if "--version" in sys.argv:
    sys.exit()
here = pathlib.Path(__file__).resolve().parents[5]
(here / "runs").open("a").write("x")
print("Collecting django", flush=True)
while (here / "stall").exists():
    time.sleep(0.02)
if (here / "full").exists():
    sys.exit("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
if (here / "no network").exists():
    sys.exit("ERROR: No matching distribution found for django")
print("Installing collected packages: django")
"""


WITHOUT_NETWORK = {**os.environ, "PIP_NO_INDEX": "1"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout whose `.venv` has a pip that installs nothing, and whose command says in which Python it
    runs.
    """
    here = tmp_path / "a clone"
    (here / "omoi_site" / "setup").mkdir(parents=True)
    for name in (
        "manage.py",
        "omoi_site/__init__.py",
        "omoi_site/command_line.py",
        "omoi_site/setup/__init__.py",
        "omoi_site/setup/bootstrap.py",
        "omoi_site/setup/install_progress.py",
    ):
        shutil.copy(ROOT / name, here / name)
    for name in ("requirements.txt", "requirements-scale.txt", "requirements-dev.txt"):
        (here / name).write_text("no-such-package==1.0\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", here / ".venv"], check=True)
    [packages] = (here / ".venv").glob("lib/python*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip" / "__main__.py").write_text(PIP)
    (packages / "django" / "core").mkdir(parents=True)
    for name in ("django/__init__.py", "django/core/__init__.py"):
        (packages / name).write_text("")
    (packages / "django/core/management.py").write_text(
        "import json, sys\n"
        "class ManagementUtility:\n"
        "    def __init__(self, argv): self.argv = argv\n"
        "    def execute(self): print(json.dumps([sys.prefix, self.argv]))\n"
    )
    return here


def run(clone: Path, *argv: str) -> subprocess.Popen[str]:
    words = [sys.executable, "manage.py", *argv]
    return subprocess.Popen(
        words,
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=WITHOUT_NETWORK,
    )


def runs(clone: Path) -> int:
    return len((clone / "runs").read_text()) if (clone / "runs").exists() else 0


def test_it_installs_once_and_runs_the_command_in_its_own_python(clone):
    first = run(clone, "up", "--port", "1")
    said, told = first.communicate(timeout=170)

    assert json.loads(said) == [str(clone / ".venv"), ["manage.py", "up", "--port", "1"]]
    assert "Installing requirements.txt" in told
    assert run(clone, "up").communicate(timeout=170)[1] == ""
    assert runs(clone) == 1


@pytest.mark.full
def test_the_tests_ask_for_more_than_the_server_and_changed_pins_are_installed(clone):
    for argv in (["up"], ["test"], ["up"], ["test"]):
        run(clone, *argv).communicate(timeout=170)
    assert runs(clone) == 2

    (clone / "requirements.txt").write_text("no-such-package==1.1\n")
    run(clone, "up").communicate(timeout=170)
    assert runs(clone) == 3


def test_of_two_commands_started_at_once_one_installs(clone):
    (clone / "stall").touch()
    first = run(clone, "up")
    until(lambda: runs(clone))
    second = run(clone, "check")
    assert "waiting for it" in second.stderr.readline()
    (clone / "stall").unlink()

    for one in (first, second):
        assert str(clone / ".venv") in one.communicate(timeout=170)[0]
    assert runs(clone) == 1


@pytest.mark.full
def test_making_an_environment_is_not_silent(clone):
    shutil.rmtree(clone / ".venv")
    slow = clone / "slow"
    slow.mkdir()
    (slow / "venv.py").write_text(
        "import pathlib, sys, time\nwhile pathlib.Path('stall').exists():\n   "
        " time.sleep(0.02)\nsys.exit('broken')\n"
    )
    (clone / "stall").touch()
    words = [sys.executable, "manage.py", "up"]
    environment = {**WITHOUT_NETWORK, "PYTHONPATH": str(slow)}
    said = clone / "said"
    with said.open("w") as paper, subprocess.Popen(words, cwd=clone, stderr=paper, env=environment) as making:
        try:
            until(lambda: "installing pip" in said.read_text())  # while it is being made
            assert said.read_text().startswith(f"Making {clone / '.venv'}")
            (clone / "stall").unlink()
            assert making.wait(60) == 1
        finally:
            making.kill()
    assert "could not be created: broken" in said.read_text()


def test_without_a_network_it_says_what_can_be_done_and_breaks_nothing(clone):
    (clone / "no network").touch()
    failed = run(clone, "up")
    assert "PIP_FIND_LINKS" in failed.communicate(timeout=170)[1]
    assert failed.returncode == 1

    (clone / "no network").unlink()
    assert run(clone, "up").wait(60) == 0


@pytest.mark.full
def test_an_installation_that_was_killed_is_begun_anew(clone):
    (clone / "stall").touch()
    killed = run(clone, "up")
    until(lambda: runs(clone))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    (clone / "stall").unlink()

    again = run(clone, "up").communicate(timeout=170)[1]
    assert f"Making {clone / '.venv'}" in again  # from nothing: what is in there cannot be trusted


def test_an_old_python_is_told_so(tmp_path):
    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 6))
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0);"
        f" runpy.run_path({str(ROOT / 'manage.py')!r}, run_name='__main__')"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert asked.returncode == 1
    assert "needs Python 3.11 or newer, and this is 3.9" in asked.stderr


def test_a_python_that_makes_no_environments_is_told_what_to_install(clone):
    shutil.rmtree(clone / ".venv")
    code = (
        "import sys, runpy; sys.modules['ensurepip'] = None; sys.argv = ['manage.py', 'up'];"
        " runpy.run_path('manage.py', run_name='__main__')"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
    )

    assert asked.returncode == 1
    assert "apt install python3" in asked.stderr


@pytest.mark.full
def test_a_disk_that_fills_up_is_named_and_the_next_command_begins_anew(clone):
    (clone / "full").touch()
    failed = run(clone, "up")
    told = failed.communicate(timeout=170)[1]
    assert failed.returncode == 1
    assert "is full" in told
    assert "PIP_FIND_LINKS" not in told

    (clone / "full").unlink()
    assert f"Making {clone / '.venv'}" in run(clone, "up").communicate(timeout=170)[1]


def test_nothing_is_installed_where_there_is_no_room(clone):
    shutil.rmtree(clone / ".venv")
    code = (
        "import runpy, shutil, sys; was = shutil.disk_usage; shutil.disk_usage = lambda path:"
        " was(path)._replace(free=1 << 20); sys.argv = ['manage.py', 'up']; runpy.run_path('manage.py',"
        " run_name='__main__')"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=clone,
        env={**WITHOUT_NETWORK, "PYTHONPATH": str(clone)},
    )
    assert asked.returncode == 1
    assert "Only 1 MiB are free" in asked.stderr
    assert not (clone / ".venv").exists()
