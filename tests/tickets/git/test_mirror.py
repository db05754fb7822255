"""A mirror is whole at every moment: whatever is pushed, whoever fetches beside, whatever crashes."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tests.support import origins
from tests.support.wait import until
from tickets.git import command
from tickets.git.address import RepositoryAddress
from tickets.git.command import Bounds, Git
from tickets.git.faults import Busy, FetchFailed, Unreadable
from tickets.git.mirror import AT_ONCE, Mirror, _slot, forget_others
from tickets.git.objects import commit_of, is_on

_numbers = itertools.count(2_000_000)


@pytest.fixture
def origin():
    with origins.origin() as made:
        made.commit({"a": "b"})
        yield made


@pytest.fixture
def mirror():
    made = Mirror.of(next(_numbers), "of a test")
    yield made
    made.remove()


def fetch(mirror, origin, seconds=60.0):
    mirror.fetch(RepositoryAddress.parse(origin.url), seconds=seconds)


def branches(mirror):
    _, output = mirror.git.ask("for-each-ref", "--format=%(refname)", bounds=Bounds(5))
    return output.decode().split()


def test_branches_follow_also_when_they_are_moved_back_or_removed(mirror, origin):
    first = origin.commit({"a": "1"})
    origin.commit({"a": "2"})
    origin.commit({"x": "y"}, branch="side")
    fetch(mirror, origin)

    origin.git("update-ref", "refs/heads/main", first)
    origin.git("update-ref", "-d", "refs/heads/side")
    origin.git("update-ref", "refs/heads/side/more", first)
    fetch(mirror, origin)

    assert branches(mirror) == ["refs/heads/main", "refs/heads/side/more"]
    _, tip = mirror.git.ask("rev-parse", "refs/heads/main", bounds=Bounds(5))
    assert tip.decode().strip() == first


def test_only_branches_come(mirror, origin):
    tip = origin.tip("main")
    for name in ("refs/tags/v1", "refs/replace/" + "1" * 40, "refs/pull/1/head", "refs/notes/x"):
        origin.git("update-ref", name, tip)

    fetch(mirror, origin)

    assert branches(mirror) == ["refs/heads/main"]


def test_branches_with_odd_names_come_too(mirror, origin):
    tip = origin.tip("main")
    odd = ["ünï", "a\u202eb", "-x", "@", "main.Lock", "x" * 200, "a'b;touch", "$(touch)", "%2e%2e"]
    for name in odd:
        origin.git("update-ref", f"refs/heads/{name}", tip)

    fetch(mirror, origin)

    assert sorted(branches(mirror)) == sorted(["refs/heads/main", *(f"refs/heads/{name}" for name in odd)])
    assert all(is_on(mirror.git, tip, name, seconds=60) for name in odd)


def test_nothing_that_a_repository_names_is_run(mirror, origin, tmp_path):
    """Hooks, programs in its configuration, helpers: on neither side."""
    mark = origin.folder.parent / "ran"
    mark.parent.chmod(0o777)
    program = origin.folder / "program"
    program.write_text(f'#!/bin/sh\ntouch {mark}\nexec "$@"\n')
    program.chmod(0o755)
    for hook in ("post-checkout", "reference-transaction", "post-update", "pre-receive", "fsmonitor"):
        (origin.folder / "hooks" / hook).write_text(program.read_text())
        (origin.folder / "hooks" / hook).chmod(0o755)
    for name in (
        "core.fsmonitor",
        "uploadpack.packObjectsHook",
        "core.sshCommand",
        "core.alternateRefsCommand",
    ):
        origin.git("config", name, str(program))

    fetch(mirror, origin)

    assert mirror.exists
    assert not mark.exists()
    assert list((mirror.folder / "hooks").glob("*")) == [] if (mirror.folder / "hooks").exists() else True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights")
def test_a_folder_is_read_by_a_user_who_can_read_nothing_of_ours(mirror, origin):
    private = origin.folder.parent / "private"
    origin.folder.rename(private)
    private.chmod(0o700)

    with pytest.raises(FetchFailed) as failed:
        mirror.fetch(RepositoryAddress.parse(f"file://{private}"))

    assert failed.value.fault in ("not_found", "password")


def test_a_link_into_omoi_that_comes_later_is_not_followed(mirror, origin, settings):
    address = RepositoryAddress.parse(origin.url)
    other = Mirror.of(next(_numbers), "secret")
    other.fetch(address)
    origin.folder.rename(origin.folder.with_name("away.git"))
    origin.folder.symlink_to(other.folder)

    with pytest.raises(Exception, match="Omoi's own"):
        mirror.fetch(address)

    other.remove()
    assert not mirror.exists


def test_a_repository_that_is_too_large_is_refused_and_leaves_the_mirror(mirror, origin, settings):
    small = origin.tip("main")
    fetch(mirror, origin)
    settings.REPOSITORY_BYTES = 1 << 20
    noise = "".join(f"{number * 7919 % 1000003:x}" for number in range(700_000))
    origin.commit({"noise": noise})

    for _ in range(2):
        with pytest.raises(FetchFailed) as failed:
            fetch(mirror, origin)
        assert failed.value.fault == "too_large"
        assert mirror.size < 1 << 20

    assert commit_of(mirror.git, small, seconds=60) == small
    origin.git("update-ref", "refs/heads/main", small)
    fetch(mirror, origin)


@pytest.mark.full
def test_a_file_of_nothing_but_zeros_is_bounded_in_memory(mirror, origin):
    origin.commit({"zeros": "\0" * (64 << 20)})

    fetch(mirror, origin)

    assert mirror.size < 8 << 20


def test_what_a_killed_git_left_does_not_stop_the_next(mirror, origin):
    fetch(mirror, origin)
    for left in (
        "refs/heads/main.lock",
        "packed-refs.lock",
        "config.lock",
        "objects/pack/tmp_pack_x",
        "HEAD.lock",
    ):
        (mirror.folder / left).write_text("half")
    tip = origin.commit({"a": "2"})

    fetch(mirror, origin)

    assert commit_of(mirror.git, tip, seconds=60) == tip
    assert not list(mirror.folder.rglob("*.lock"))
    assert not list(mirror.folder.rglob("tmp_*"))


def test_branches_named_like_the_rest_of_a_crash_stay(mirror, origin):
    tip = origin.tip("main")
    for name in ("tmp_x", "tmp_folder/x", "a/tmp_pack_y"):
        origin.git("update-ref", f"refs/heads/{name}", tip)
    fetch(mirror, origin)
    there = branches(mirror)

    fetch(mirror, origin)  # clears first
    with pytest.raises(FetchFailed):
        mirror.fetch(RepositoryAddress.parse(f"{origin.url}/not-there"))

    assert branches(mirror) == there
    assert len(there) == 4


def test_what_a_killed_repack_left_is_removed(mirror, origin):
    fetch(mirror, origin)
    (mirror.folder / "objects/pack/.tmp-123-pack-4.pack").write_text("half")

    fetch(mirror, origin)

    assert not list(mirror.folder.rglob(".tmp-*"))


def test_a_mirror_that_was_half_removed_is_made_again(mirror, origin):
    fetch(mirror, origin)
    (mirror.folder / "HEAD").unlink()

    fetch(mirror, origin)

    assert commit_of(mirror.git, origin.tip("main"), seconds=60)


def test_a_mirror_that_was_half_made_is_made_again(mirror, origin):
    half = mirror.folder.with_suffix(".new")
    half.mkdir()
    (half / "HEAD").write_text("ref: refs/heads/ma")

    fetch(mirror, origin)

    assert branches(mirror) == ["refs/heads/main"]


def test_one_fetch_at_a_time_and_who_waited_fetches_nothing_again(mirror, origin):
    fetch(mirror, origin)
    with mirror._alone(0), pytest.raises(Busy):
        fetch(mirror, origin, seconds=0.2)
    done = []
    threads = [threading.Thread(target=lambda: done.append(fetch(mirror, origin))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 3
    assert branches(mirror) == ["refs/heads/main"]


def test_a_fetch_that_began_before_it_was_asked_for_does_not_count(mirror, origin):
    """It may have looked before the push that the caller knows of."""
    fetch(mirror, origin)
    tip = origin.commit({"a": "pushed meanwhile"})
    waiting = threading.Thread(target=fetch, args=[mirror, origin])
    with mirror._alone(0):
        waiting.start()
        until(lambda: len(opened(mirror._lock)) == 2)
        stamp = mirror.folder / "fetched"
        os.utime(stamp, ns=(stamp.stat().st_mtime_ns + 1,) * 2)  # the other fetch ends now
    waiting.join()

    assert commit_of(mirror.git, tip, seconds=60) == tip


def opened(file):
    """The descriptors of this process for the file."""
    links = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
    return [link for link in links if link == os.path.realpath(file)]


def many_objects(origin):
    """Packs are bounded by the kernel; here the index is as large, so both together are too much."""
    origin.git("fast-import", "--quiet", stdin=history(b"main", files=30_000))


def many_branches(origin):
    """Each has a file of its own in a mirror."""
    tip = origin.tip("main")
    lines = "".join(f"create refs/heads/b{number} {tip}\n" for number in range(3_000))
    origin.git("update-ref", "--stdin", stdin=lines.encode())


def one_large_file(origin):
    origin.commit({"noise": "".join(f"{number * 7919 % 1000003:x}" for number in range(700_000))})


def history(branch, *, files):
    """A commit with so many small files, as fast-import reads it."""
    head = b"commit refs/heads/%b\ncommitter ada <ada@example.com> 1700000000 +0000\ndata 0\n" % branch
    each = (b"M 100644 inline f/%d/%d\ndata 8\n%08d\n" % (n % 100, n, n) for n in range(files))
    return head + b"from refs/heads/main^0\n" + b"".join(each)


def contents(mirror):
    """What it is: its branches, and its files of objects."""
    tips = mirror.git.ask("for-each-ref", bounds=Bounds(5), most=1 << 20)
    return tips, sorted(path.name for path in mirror.folder.glob("objects/**/*") if path.is_file())


@pytest.mark.parametrize(
    "grow",
    [*(pytest.param(each, marks=pytest.mark.full) for each in (many_objects, many_branches)), one_large_file],
)
@pytest.mark.parametrize("fetched", [True, False], ids=["fetched before", "first fetch"])
@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "no kernel"])
def test_what_grows_too_large_is_ended_and_leaves_nothing(
    mirror, origin, settings, monkeypatch, grow, fetched, kernel
):
    settings.REPOSITORY_BYTES = 1_500_000
    if not kernel:
        monkeypatch.setattr(command, "_bounded", lambda bounds: [])  # as where it holds no limit
    if fetched:
        fetch(mirror, origin)
    before = contents(mirror) if fetched else None
    grow(origin)

    with pytest.raises(FetchFailed) as failed:
        fetch(mirror, origin, seconds=60)

    assert failed.value.fault == "too_large"
    assert (contents(mirror) if fetched else None) == before
    assert mirror.folder.exists() is fetched
    assert not list(mirror.folder.rglob("*.before"))


@pytest.mark.full
def test_a_huge_repository_is_ended_while_it_comes(mirror, origin, settings, monkeypatch):
    """Also where the kernel holds no limit, little more than the limit ever lies on the disk."""
    monkeypatch.setattr(command, "_bounded", lambda bounds: [])
    settings.REPOSITORY_BYTES = 8 << 20
    for setting in ("core.bigFileThreshold=1m", "core.compression=0"):  # its host loses no time
        origin.git("config", *setting.split("="))
    for number in range(6):
        origin.git("fast-import", "--quiet", stdin=large_file(b"b%d" % number))
    sizes, real = [], Mirror.too_large.fget
    monkeypatch.setattr(Mirror, "too_large", property(lambda self: sizes.append(self.size) or real(self)))

    with pytest.raises(FetchFailed) as failed:
        fetch(mirror, origin, seconds=120)

    assert failed.value.fault == "too_large"
    assert max(sizes) < 64 << 20
    assert not mirror.folder.exists()


def large_file(branch):
    """A commit of 16 MiB that cannot be compressed, as fast-import reads it."""
    noise = os.urandom(16 << 20)
    head = b"commit refs/heads/%b\ncommitter ada <ada@example.com> 1700000000 +0000\ndata 0\n" % branch
    return head + b"M 100644 inline noise\ndata %d\n%b\n" % (len(noise), noise)


@pytest.mark.full
def test_slow_repositories_do_not_take_all_threads_of_a_process(mirror, origin):
    with contextlib.ExitStack() as others:
        for _ in range(AT_ONCE):
            others.enter_context(_slot(0))
        with pytest.raises(Busy):
            fetch(mirror, origin)

    fetch(mirror, origin)


@pytest.mark.full
def test_a_process_that_is_killed_in_a_fetch_takes_its_git_along(mirror, origin, settings, tmp_path):
    """The other side of the fetch waits for ever; then the mirror is fetched as if nothing had been."""
    os.mkfifo(origin.folder / "packed-refs", 0o644)  # reading it waits
    script = f"""
        from pathlib import Path
        import django
        django.setup()
        from tickets.git.address import RepositoryAddress
        from tickets.git.mirror import Mirror
        Mirror(Path({str(mirror.folder)!r})).fetch(RepositoryAddress.parse({origin.url!r}), seconds=60)
    """
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "omoi_site.settings"}
    words = [sys.executable, "-c", textwrap.dedent(script)]
    process = subprocess.Popen(words, cwd=settings.ROOT, env=environment)
    until(lambda: len(gits(origin)) >= 2)  # ours, and the one that reads the folder

    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    until(lambda: not gits(origin))
    (origin.folder / "packed-refs").unlink()
    fetch(mirror, origin)
    assert branches(mirror) == ["refs/heads/main"]


def gits(origin):
    """The processes that have to do with this repository."""
    folder = str(origin.folder).encode()
    lines = [read(entry / "cmdline") for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [line for line in lines if folder in line and b"-c" in line.split(b"\0") and b"django" not in line]


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_git_is_told_nothing_by_this_machine(mirror, origin, monkeypatch):
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /tmp/x")
    monkeypatch.setenv("GIT_EXEC_PATH", "/nonexistent")
    fetch(mirror, origin)

    _, output = Git(mirror.folder).ask("config", "--list", "--show-origin", bounds=Bounds(5))

    places = {line.split("\t")[0] for line in output.decode().splitlines()}
    assert places <= {"command line:", f"file:{mirror.folder}/config"}


def test_many_packs_become_one_without_what_no_branch_has(mirror, origin):
    first = origin.tip("main")
    for number in range(4):
        gone = origin.commit({"a": str(number)}, branch="side")
        fetch(mirror, origin)
    origin.git("update-ref", "-d", "refs/heads/side")
    fetch(mirror, origin)
    assert mirror.packs == 4

    mirror.compact(seconds=10)

    assert mirror.packs == 1
    assert commit_of(mirror.git, first, seconds=60) == first
    assert commit_of(mirror.git, gone, seconds=60) == ""


def test_a_mirror_that_is_being_fetched_is_removed_by_whoever_fetches_it(mirror, origin):
    """Whoever removes a repository must not wait for that."""
    fetch(mirror, origin)

    with mirror._alone(0):
        mirror.remove()
        assert mirror.exists
    mirror.remove()

    assert not mirror.folder.exists()


def test_what_a_crash_left_of_a_removal_goes_too(mirror):
    left = mirror.folder.with_suffix(".new")
    left.mkdir()
    os.utime(left, (0, 0))

    assert forget_others(()) >= 1
    assert not left.exists()


def test_mirrors_of_nobody_are_removed_once_they_are_old(mirror, origin):
    fetch(mirror, origin)
    other = Mirror.of(next(_numbers), "removed")
    other.fetch(RepositoryAddress.parse(origin.url))

    assert forget_others({mirror.folder.name}) == 0
    for made in (mirror, other):
        os.utime(made.folder, (0, 0))

    assert forget_others({mirror.folder.name}) == 1
    assert mirror.exists
    assert not other.folder.exists()


@pytest.mark.parametrize("version", ["git version 2.34.1", "", "git version 1.9"])
def test_a_git_that_is_too_old_is_refused(mirror, origin, tmp_path, monkeypatch, version):
    (tmp_path / "git").write_text(f"#!/bin/sh\necho {version}\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setattr(command, "SYSTEM_PATH", str(tmp_path))
    command._program.cache_clear()

    with pytest.raises(Unreadable, match="cannot keep mirrors"):
        fetch(mirror, origin)

    monkeypatch.undo()
    command._program.cache_clear()
