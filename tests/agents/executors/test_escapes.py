"""24 escapes from a job, tried at each level at which a machine can isolate jobs.

OPEN says beforehand what a level leaves open; docs/workers.md says the same to operators. Whatever is not in
it must be closed, and what is in it must be open: so each attack is known to work where nothing stops it.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.job_host import JobHost, job_host, sleepers
from tests.support.wait import until

SEEN = {"see a sibling's processes"}
NETWORK = {"reach Omoi's port", "reach the network"}
SIBLING = {
    "read a sibling's environment",
    "read a sibling's files",
    "read a sibling's HOME",
    "write a sibling's files",
    "write a sibling's HOME",
    "signal a sibling",
}
OMOI = {
    "read OMOI_HOME",
    "read Omoi's keys",
    "read Omoi's settings",
    "read the folder that others share",
    "reach the database's socket",
}
OPEN: dict[str, set[str]] = {
    "root+bwrap": set(),
    "root": SEEN | NETWORK,
    "user+bwrap": set(),
    "user": SEEN | NETWORK | SIBLING | OMOI,
}
ESCAPES: dict[str, Callable[[Scene], bool]] = {}
HOST_SECRET = "settings-of-the-host"


def escape(name: str) -> Callable[[Callable[[Scene], bool]], Callable[[Scene], bool]]:
    def register(attempt: Callable[[Scene], bool]) -> Callable[[Scene], bool]:
        ESCAPES[name] = attempt
        return attempt

    return register


@dataclass
class Sibling:
    """A job that runs beside the attacker: its folder and its process, as this machine has them."""

    folder: Path
    pid: int
    mark: str


@dataclass
class Scene:
    host: JobHost
    port: int
    abstract: str

    @property
    def home(self) -> Path:
        return self.host.home

    def output_of(self, text: str, **more: Any) -> str:
        """What a job says that runs this, well or not."""
        return str(self.host.run(text, **more)["result"].get("output", ""))

    @contextlib.contextmanager
    def sibling(self) -> Iterator[Sibling]:
        mark = new_mark()
        number = self.host.start(
            f"echo sibling-file > file; echo sibling-home > $HOME/file; sleep {mark}",
            job={"environment": {"TOKEN": "sibling-token"}},
        )
        [pid] = until(lambda: sleepers(mark), why=lambda: str(self.host.endings.get(number)))
        work = self.home / "executors" / "work"
        [folder] = [path for path in work.iterdir() if (path / "work" / "file").exists()]
        try:
            yield Sibling(folder, pid, mark)
        finally:
            self.host.stop(number)
            self.host.ending(number)


def new_mark() -> str:
    return str(random.randrange(10**8, 10**9))


@pytest.fixture(
    scope="module",
    params=[
        "root+bwrap",
        "user",
        pytest.param("root", marks=pytest.mark.full),
        pytest.param("user+bwrap", marks=pytest.mark.full),
        pytest.param("root+bwrap reusable", marks=pytest.mark.full),
        pytest.param("root reusable", marks=pytest.mark.full),
        pytest.param("user reusable", marks=pytest.mark.full),
    ],
)
def scene(request) -> Iterator[Scene]:
    """A host whose OMOI_HOME has what an installation keeps, a port like Omoi's, and listeners of others."""
    level, _, reusable = request.param.partition(" ")
    with job_host(level, reusable=bool(reusable)) as host, contextlib.ExitStack() as stack:
        keep(host, "secret_key", "omoi-key")
        keep(host, "backups/dump.sql", "omoi-backup")
        keep(host, "socket/.keep", "")
        (host.home / "socket").chmod(0o700)
        place = str(host.home / "socket" / ".s.PGSQL.5432")
        database = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        database.bind(place)
        database.listen()
        os.chmod(place, 0o777)
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"omoi-test-{new_mark()}"
        listener = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        listener.bind(f"\0{abstract}")
        listener.listen()
        host.output_of("echo tree-file > $OMOI_SHARED/file", shared="others")
        yield Scene(host, port.getsockname()[1], abstract)


def keep(host: JobHost, name: str, text: str) -> None:
    """A file of the installation, for its own user alone."""
    path = host.home / name
    path.parent.mkdir(exist_ok=True, mode=0o700)
    path.write_text(text)
    path.chmod(0o600)
    for made in (path, path.parent):
        if made != host.home:
            os.chown(made, host.uid, host.uid)


# -- the escapes


@escape("read a sibling's environment")
def _(scene: Scene) -> bool:
    with scene.sibling() as sibling:
        output = scene.output_of(f"cat /proc/{sibling.pid}/environ /proc/[0-9]*/environ | tr '\\0' '\\n'")
    return "sibling-token" in output


@escape("read a sibling's files")
def _(scene: Scene) -> bool:
    with scene.sibling() as sibling:
        output = scene.output_of(
            f"cat {sibling.folder}/work/file /proc/[0-9]*/cwd/file /proc/{sibling.pid}/cwd/file"
        )
    return "sibling-file" in output


@escape("read a sibling's HOME")
def _(scene: Scene) -> bool:
    with scene.sibling() as sibling:
        output = scene.output_of(f"cat {sibling.folder}/home/file /proc/[0-9]*/root/job/home/file")
    return "sibling-home" in output


def changes(scene: Scene, name: str) -> bool:
    with scene.sibling() as sibling:
        scene.output_of(
            f"for file in {sibling.folder}/{name}/file /proc/[0-9]*/cwd/../{name}/file;"
            " do echo changed > $file; done"
        )
        return (sibling.folder / name / "file").read_text() == "changed\n"


@escape("write a sibling's files")
def _(scene: Scene) -> bool:
    return changes(scene, "work")


@escape("write a sibling's HOME")
def _(scene: Scene) -> bool:
    return changes(scene, "home")


@escape("see a sibling's processes")
def _(scene: Scene) -> bool:
    with scene.sibling() as sibling:
        words = f"cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'slee[p] {sibling.mark}'"  # not itself
        return f"sleep {sibling.mark}" in scene.output_of(words)


@escape("signal a sibling")
def _(scene: Scene) -> bool:
    with scene.sibling() as sibling:
        scene.output_of(f"kill -9 {sibling.pid}")
        return sibling.pid not in sleepers(sibling.mark)


@escape("read OMOI_HOME")
def _(scene: Scene) -> bool:
    return "omoi-backup" in scene.output_of(
        f"cat {scene.home}/backups/dump.sql; cat /proc/*/root{scene.home}/backups/*"
    )


@escape("read Omoi's keys")
def _(scene: Scene) -> bool:
    return "omoi-key" in scene.output_of(f"cat {scene.home}/secret_key")


@escape("read Omoi's settings")
def _(scene: Scene) -> bool:
    return HOST_SECRET in scene.output_of(
        f"env; cat /proc/{scene.host.process.pid}/environ /proc/[0-9]*/environ"
    )


@escape("read the folder that others share")
def _(scene: Scene) -> bool:
    return "tree-file" in scene.output_of(
        f"cat {scene.home}/executors/shared/others/files/file", shared="ours"
    )


def connects(scene: Scene, family: str, address: str) -> bool:
    text = f"import socket; socket.socket(socket.{family}).connect({address}); print('reached')"
    return "reached" in scene.output_of(f'/usr/bin/python3 -c "{text}"')


@escape("reach the database's socket")
def _(scene: Scene) -> bool:
    return connects(scene, "AF_UNIX", f"'{scene.home}/socket/.s.PGSQL.5432'")


@escape("reach Omoi's port")
def _(scene: Scene) -> bool:
    return connects(scene, "AF_INET", f"('127.0.0.1', {scene.port})")


@escape("reach the network")
def _(scene: Scene) -> bool:
    """By its namespace: what is beyond this machine may be out of reach for all."""
    return connects(scene, "AF_UNIX", rf"'\0{scene.abstract}'")


def survives(scene: Scene, text: str) -> bool:
    mark = new_mark()
    ending = scene.host.run(
        text.format(sleep=f"sleep {mark}") + f" until pgrep -f 'sleep {mark}'; do :; done"
    )
    return not ending["ok"] or bool(sleepers(mark))


@escape("survive by setsid")
def _(scene: Scene) -> bool:
    return survives(scene, "setsid {sleep} &")


@escape("survive by a double fork")
def _(scene: Scene) -> bool:
    return survives(scene, "(setsid sh -c '{sleep} & exit' &) &")


@escape("survive by env -i")
def _(scene: Scene) -> bool:
    return survives(scene, "env -i setsid {sleep} &")


def exceeds(scene: Scene, limit: str, text: str, **limits: int) -> bool:
    """Whether it goes on beyond the limit, or its end does not say which limit ended it."""
    began = time.monotonic()
    ending = scene.host.run(text, limits=limits)
    assert time.monotonic() - began < 45
    return ending["ok"] or not ending["error"].startswith(f"limit_{limit}: ")


@escape("a fork bomb")
def _(scene: Scene) -> bool:
    mark = new_mark()
    text = f"bomb() {{ sleep {mark} & bomb | bomb & }}; bomb; sleep 60"
    return exceeds(scene, "processes", text, processes=60) or bool(sleepers(mark))


@escape("a flood of memory")
def _(scene: Scene) -> bool:
    part = '/usr/bin/python3 -c "import time; kept = bytearray(60 << 20); time.sleep(60)"'
    return exceeds(scene, "memory", f"{part} & {part} & {part} & wait", memory_mb=128)


@escape("a flood of files")
def _(scene: Scene) -> bool:
    text = "n=0; while :; do n=$((n + 1)); head -c 4000000 /dev/zero > $HOME/$n; done"
    return exceeds(scene, "disk", text, disk_mb=64)


@escape("a flood of output")
def _(scene: Scene) -> bool:
    return exceeds(scene, "output", "yes", output_mb=8)


def submits(scene: Scene, text: str) -> bool:
    """Whether anything is submitted, or somebody waits for it."""
    ending = scene.host.run(text, job={"artifacts": {"report": "test_evidence"}})
    return ending["ok"] or bool(ending["files"])


@escape("a symlink as an artifact")
def _(scene: Scene) -> bool:
    return submits(scene, f"ln -s {scene.home}/secret_key report")


@escape("a FIFO as an artifact")
def _(scene: Scene) -> bool:
    return submits(scene, "mkfifo report")


@escape("a .git/config that names a program")
def _(scene: Scene) -> bool:
    """Neither our side runs it, nor another job's git."""
    witness = Path(scene.home / "executors" / f"witness-{new_mark()}")
    program = f"touch {witness}"
    scene.host.run(
        f"git init -q .; for place in --local --global; do git config $place core.fsmonitor '{program}';"
        f" git config $place core.sshCommand '{program}'; done; mkdir -p .git/hooks; rm -rf .git/hooks/*;"
        f" printf '#!/bin/sh\\n{program}' > .git/hooks/post-checkout; chmod +x .git/hooks/*",
        job={"artifacts": {".git/config": "test_evidence"}},
    )
    scene.host.run("git init -q .; git status; git commit --allow-empty -m x")
    return witness.exists()


# -- what is promised


@pytest.mark.parametrize("name", ESCAPES)
def test_what_is_not_listed_as_open_is_closed(scene, name):
    assert ESCAPES[name](scene) == (name in OPEN[scene.host.level])


def test_there_are_24_and_the_table_names_only_these():
    assert len(ESCAPES) == 24
    assert all(names <= ESCAPES.keys() for names in OPEN.values())


def test_operators_read_the_same_table():
    page = (ROOT / "docs/workers.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \| (\w+) \| (\w+) \| (\w+) \|$", page, re.MULTILINE)
    columns = ("root+bwrap", "root", "user")  # with bubblewrap both are the same

    table = {name: dict(zip(columns, marks, strict=True)) for name, *marks in rows if name in ESCAPES}

    assert OPEN["root+bwrap"] == OPEN["user+bwrap"]
    assert table == {
        name: {level: "open" if name in OPEN[level] else "closed" for level in columns} for name in ESCAPES
    }
