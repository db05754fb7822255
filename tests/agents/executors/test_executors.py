"""Executors take a plain brief, return a plain ending, and leave no process behind. They need no database."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.executors import job_folder, job_user, running_process
from agents.executors import run as executors
from agents.executors.isolation import Isolation
from agents.executors.job import Ending, Job
from agents.executors.job_folder import shared_folder
from agents.executors.job_user import UIDS
from agents.executors.level import level
from agents.executors.output_files import NotTaken, copy_of
from agents.executors.output_text import KEPT, Output, safe, safe_json
from agents.executors.running_process import NICER
from agents.executors.stop_signal import Stop
from agents.profiles.document import faults_of
from omoi_site.setup import paths
from tests.support.wait import until

UNUSED_UID = 59_998
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root lends another account to executors: run the tests as root"
)


def run(*words: str, stop: Stop | None = None, **more: object) -> Ending:
    return executors.run(Job("1.1", "command", list(words), {"title": "Write it"}, **more), stop or Stop())


def shell(text: str, **more: object) -> Ending:
    return run("sh", "-c", text, **more)


def python(callable_: str, folder: Path, **slots: object) -> Ending:
    return executors.run(
        Job("1.1", "python", [callable_], {"title": "Write it"}, slots, folders=[folder]), Stop()
    )


@pytest.fixture
def mark() -> str:
    """A word that only processes of this test have among their arguments."""
    return f"omoi-{uuid.uuid4().hex}"


def alive(marker: str) -> list[str]:
    """The processes with this word among their arguments."""
    return [
        line
        for line in subprocess.run(
            ["ps", "-wweo", "pid,args"], capture_output=True, text=True
        ).stdout.splitlines()
        if marker in line
    ]


# -- command


def test_a_command_gets_its_words_as_they_are_and_the_brief_on_standard_input():
    assert run("echo", "$HOME; rm -rf *").result["output"] == "$HOME; rm -rf *\n"
    assert json.loads(run("cat").result["output"]) == {"title": "Write it"}
    assert shell("exit 0").ok  # nobody has to read it


def test_a_command_that_fails_says_how_and_its_last_words():
    ending = shell("echo no such thing >&2; exit 3")
    assert (ending.ok, ending.error, ending.kind, ending.result["exit"]) == (
        False,
        "exit status 3\nno such thing",
        "transient",
        3,
    )
    assert shell("kill -9 $$").error == "ended by SIGKILL"
    missing = run("no-such-program")
    assert (missing.ok, missing.kind) == (False, "permanent")
    assert "no program no-such-program" in missing.error


@pytest.mark.parametrize(
    "what", [{"words": ["a\0b"]}, {"environment": {"NAME": "a\0b"}}, {"words": ["\ud800"]}]
)
def test_what_no_program_can_be_given_is_refused(what):
    ending = run("echo", *what.get("words", []), environment=what.get("environment", {}))
    assert (ending.ok, ending.kind) == (False, "permanent")
    assert ending.error == "echo could not be started: Invalid argument"


def test_words_beyond_ascii_arrive_as_they_are():
    assert run("echo", "a\u0308\u20ac\U0001d11e").result["output"] == "a\u0308\u20ac\U0001d11e\n"


def test_a_command_sees_nothing_of_this_processs_environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    seen = dict(
        line.split("=", 1) for line in run("env", environment={"MINE": "1"}).result["output"].splitlines()
    )
    assert "DATABASE_URL" not in seen
    assert "OMOI_HOME" not in seen
    assert seen["MINE"] == "1"
    assert seen["HOME"] not in (os.environ.get("HOME"), "")


def test_a_command_works_in_an_empty_folder_that_is_gone_afterwards():
    listed = shell("touch here $HOME/kept $TMPDIR/too; ls -a . $HOME $TMPDIR; pwd").result["output"].split()
    assert [name for name in ("here", "kept", "too") if name in listed] == ["here", "kept", "too"]
    assert shell("ls -A . $HOME $TMPDIR | grep -v :").result["output"].split() == [".gitconfig"]
    assert not list(job_folder.make_room("work").glob(f"{os.getpid()}-1.1-*"))


@pytest.mark.full
def test_folders_that_a_job_closed_or_nested_deep_are_gone_too():
    nested = "for n in $(seq 1200); do mkdir d; cd d; done"
    for text in (
        "mkdir -p a/b; touch a/b/c; chmod 0 a/b a",
        nested,
        "ln -s /etc here; ln -s $HOME $HOME/loop",
    ):
        assert shell(text).ok
        assert not list(job_folder.make_room("work").glob(f"{os.getpid()}-1.1-*"))
    assert Path("/etc/passwd").exists()


def test_a_flood_is_kept_at_both_ends_and_blocks_nobody():
    began = time.monotonic()
    ending = shell("echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last")

    assert ending.ok
    assert time.monotonic() - began < 20
    output = ending.result["output"]
    assert output.startswith("first\nx")
    assert output.endswith("x\nlast\n")
    assert len(output) < KEPT + 100
    assert ending.result["dropped"] == 50_000_012 - KEPT
    assert f"[… {ending.result['dropped']} bytes dropped …]" in output


def test_a_job_has_less_priority_than_its_worker():
    assert shell("nice").result["output"] == f"{os.getpriority(os.PRIO_PROCESS, 0) + NICER}\n"


def test_output_that_a_database_cannot_store_is_made_safe():
    output = shell(r"printf 'a\000b\377c\303\244'").result["output"]
    assert output == "a\ufffdb\ufffdcä"
    assert safe({"a\0": ["\ud800", float("nan"), 1, None, True]}) == {
        "a\ufffd": ["\ufffd", "nan", 1, None, True]
    }
    deep: list = []
    for _ in range(500):
        deep = [deep]
    assert len(json.dumps(safe(deep))) < 1200


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    )
)
@example({"a\0": "\ud800"})
@example(["\\u0000", float("nan")])
@example(functools.reduce(lambda inner, _: [inner], range(40), "deep"))
@pytest.mark.full
def test_a_document_is_written_as_if_it_were_made_safe_first(document):
    assert json.loads(safe_json(document)) == json.loads(json.dumps(safe(document)))


def test_small_pieces_add_up_to_the_same_as_one():
    pieces, whole = Output(), Output()
    data = bytes(range(1, 128)) * 4000
    whole.take(data)
    for start in range(0, len(data), 77):
        pieces.take(data[start : start + 77])
    assert pieces.text() == whole.text()


# -- what it hands in


def handed(text: str, *names: str) -> Ending:
    with contextlib.closing(Stop()) as stop:
        return shell(text, artifacts={name: "test_evidence" for name in names}, stop=stop)


def test_files_named_by_the_profile_are_handed_in_as_they_were():
    ending = handed("mkdir out; printf one > a.txt; printf two > out/b.txt; touch left", "a.txt", "out/b.txt")
    assert [(file.path, file.type, file.content.read()) for file in ending.files] == [
        ("a.txt", "test_evidence", b"one"),
        ("out/b.txt", "test_evidence", b"two"),
    ]
    ending.close()


def test_a_file_that_was_promised_and_is_not_there_is_a_failure():
    ending = handed("echo begun; touch a.txt", "a.txt", "b.txt")
    assert (ending.ok, ending.kind, ending.files) == (False, "validation", ())
    assert "leave b.txt" in ending.error
    assert ending.result["output"] == "begun\n"
    assert handed("touch a.txt; exit 3", "a.txt").error == "exit status 3"


@pytest.mark.parametrize(
    "text",
    [
        "ln -s /etc/hostname a/file",
        "echo its own > $HOME/file; ln -s ../../home/file a/file",
        "rmdir a; ln -s ../home a; echo its own > $HOME/file",
        "rmdir a; ln -s /etc a; ln -s hostname file",
        "touch here; ln here a/file",
        "mkfifo a/file",
        "mkdir a/file",
        "ln -s a/file a/file",
        "truncate -s 33M a/file",
    ],
)
def test_nothing_but_an_ordinary_small_file_of_the_work_folder_is_submitted(text):
    shell("exit 0")  # what all jobs share is open from now on
    before = set(os.listdir("/proc/self/fd"))
    ending = handed(f"mkdir a; {text}", "a/file")
    assert not ending.ok
    assert "a/file" in ending.error
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ln -s /etc/hostname found.json", "not a link"),
        ("mkdir found.json", "an ordinary file"),
        ("truncate -s 5M found.json", "found.json is larger than 4 MiB"),
        ("printf '{}' > found.json", "found.json must be a JSON list"),
        ("printf '\\377' > found.json", "found.json is not UTF-8"),
    ],
)
def test_what_a_job_found_is_a_small_list_in_an_ordinary_file(text, fault):
    with contextlib.closing(Stop()) as stop:
        ending = shell(text, discoveries="found.json", stop=stop)
    assert (ending.ok, ending.kind, ending.discoveries) == (False, "validation", ())
    assert fault in ending.error


def test_a_job_that_failed_has_found_nothing():
    text = """printf '[{"type": "bug", "title": "x"}]' > found.json; """
    with contextlib.closing(Stop()) as stop:
        assert shell(text, discoveries="found.json", stop=stop).discoveries == (
            {"type": "bug", "title": "x"},
        )
        assert shell(f"{text} exit 3", discoveries="found.json", stop=stop).discoveries == ()
        assert shell("true", discoveries="found.json", stop=stop).discoveries == ()


LIMITED = {"kind": "rate_limited", "pool": "anthropic:team"}
TELLS = f"printf '%s' '{json.dumps(LIMITED)}' > failed.json"


def test_a_job_that_failed_may_say_how():
    said = [shell(f"{TELLS}; {then}", failure="failed.json") for then in ("exit 3", "kill -9 $$", "exit 0")]
    assert [ending.failure for ending in said] == [LIMITED, LIMITED, None]
    assert shell("exit 3", failure="failed.json").failure is None
    assert shell(f"{TELLS}; exit 3").failure is None


def test_what_ended_a_job_from_outside_counts_before_what_it_says():
    ending = shell(f"{TELLS}; sleep 60", failure="failed.json", timeout_s=0.5)
    assert (ending.failure, ending.error) == (None, "timed out after 0.5 s")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ln -s /etc/hostname failed.json", "not a link"),
        ("truncate -s 65K failed.json", "failed.json is larger than 64 KiB"),
        ("printf '{' > failed.json", "failed.json is not valid JSON"),
    ],
)
def test_what_cannot_be_read_of_a_failure_is_told_beside_it(text, fault):
    ending = shell(f"{text}; echo sorry; exit 3", failure="failed.json")
    assert (ending.ok, ending.kind, ending.failure) == (False, "transient", None)
    assert ending.error.startswith("exit status 3\nsorry\n")
    assert fault in ending.error


def test_a_callable_that_raises_may_say_how_it_failed(tmp_path):
    text = f"def limit(brief):\n    open('failed.json', 'w').write('{json.dumps(LIMITED)}')\n    1 / 0\n"
    tmp_path.joinpath("mine.py").write_text(text)
    job = Job("1.1", "python", ["mine.limit"], {}, folders=[tmp_path], failure="failed.json")
    assert executors.run(job, Stop()).failure == LIMITED


@as_root
def test_a_file_of_another_account_is_not_handed_in(tmp_path):
    (tmp_path / "file").write_text("secret")
    os.chown(tmp_path / "file", 1, 1)
    with pytest.raises(NotTaken, match="written by the job itself"):
        copy_of(tmp_path, "file", os.geteuid())


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../x", "a/..", "..", "a\n", "gnp.\u202ea"])
def test_a_profile_that_hands_in_what_lies_elsewhere_is_none(name):
    assert faults_of({"kind": "command", "words": ["ls"], "artifacts": {name: "test_evidence"}})
    assert faults_of({"kind": "command", "words": ["ls"], "discoveries": name})
    assert faults_of({"kind": "command", "words": ["ls"], "failure": name})


def test_a_profile_names_pools_as_everybody_does():
    for name in ("anthropic:team", "a" * 63):
        assert not faults_of({"kind": "command", "words": ["ls"], "pools": [name]})
    for name in ("anthropic:team\n", "a" * 64, "A", "-a", ""):
        assert faults_of({"kind": "command", "words": ["ls"], "pools": [name]}), name
    assert not faults_of({"kind": "command", "words": ["ls"], "artifacts": {"a/..b": "test_evidence"}})
    assert not faults_of({"kind": "command", "words": ["ls"], "discoveries": "a/..b"})


# -- the end of a group


def stubborn(marker: str) -> str:
    """A shell and its children that all ignore SIGTERM and keep the output open."""
    return (
        f"trap '' TERM; (trap '' TERM; while :; do sleep 0.2; : {marker}; done) & echo begun; while :;"
        f" do sleep 0.2; : {marker}; done"
    )


def test_a_timeout_kills_the_whole_group(mark):
    ending = shell(stubborn(mark), timeout_s=0.5)
    assert (ending.ok, ending.error, ending.stopped) == (False, "timed out after 0.5 s", False)
    assert ending.result["output"] == "begun\n"
    assert ending.result["seconds"] < 0.5 + running_process.GRACE_S + 15  # they would go on for ever
    until(lambda: not alive(mark))


@pytest.mark.full
def test_a_requested_stop_kills_the_whole_group_at_once(mark):
    stop, endings = Stop(), []
    thread = threading.Thread(target=lambda: endings.append(shell(stubborn(mark), stop=stop)))
    thread.start()
    until(lambda: len(alive(mark)) >= 2)
    began = time.monotonic()
    stop.request("the claim was lost")
    thread.join(30)

    assert time.monotonic() - began < running_process.GRACE_S + 15  # they would go on for ever
    assert (endings[0].stopped, endings[0].error) == (True, "the claim was lost")
    until(lambda: not alive(mark))


def test_a_group_that_is_asked_to_end_may_tidy_up():
    ending = shell("trap 'echo tidied; exit 0' TERM; while :; do sleep 0.05; done", timeout_s=0.5)
    assert ending.error == "timed out after 0.5 s"
    assert ending.result["output"].endswith("tidied\n")


def test_nobody_vouching_for_the_claim_any_more_ends_the_group():
    stop = Stop()
    stop.until = time.monotonic() + 0.3
    ending = shell("sleep 60", stop=stop)
    assert (ending.stopped, ending.error) == (True, "the lease could not be renewed in time")


def test_a_job_outlives_a_sleep_of_the_machine(monkeypatch, mark):
    """The clock goes on while a machine sleeps; that must not end the job's time or its claim."""
    slept, clock = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + slept[0])
    stop, endings = Stop(), []
    stop.until = time.monotonic() + 60
    job = threading.Thread(
        target=lambda: endings.append(
            shell(
                f"until [ -e $OMOI_SHARED/{mark} ]; do sleep 0.05; done",
                stop=stop,
                timeout_s=60,
                isolation=Isolation(shared="tests"),
            )
        )
    )
    job.start()
    until(lambda: alive(mark))

    slept[0] = 80
    until(lambda: stop.until > time.monotonic())
    (shared_folder("tests") / mark).touch()
    job.join(20)

    assert endings[0].ok


def test_children_that_outlive_their_leader_keep_nobody_waiting(mark):
    began = time.monotonic()
    ending = shell(f"(trap '' TERM HUP; while :; do sleep 0.2; : {mark}; done) & echo done")
    assert ending.ok
    assert ending.result["output"] == "done\n"
    assert time.monotonic() - began < 20  # they would go on for ever
    until(lambda: not alive(mark))


def test_a_child_that_leaves_the_group_is_found_all_the_same(mark):
    ending = shell(f"setsid sh -c 'while :; do sleep 0.2; : {mark}; done' & sleep 60", timeout_s=0.5)
    assert ending.error == "timed out after 0.5 s"
    assert not alive(mark)


def test_many_runs_leave_no_descriptor_open():
    shell("exit 0")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        stop = Stop()
        shell("exit 0", stop=stop)
        stop.close()
    assert len(os.listdir("/proc/self/fd")) == before


# -- python


def test_a_callable_gets_the_brief_and_its_slots_and_its_value_is_the_result(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def add(brief, a, b=1):\n    print('adding')\n    return {'sum': a + b, 'title': brief['title']}\n"
    )
    ending = python("mine.add", tmp_path, a=2, b=3)
    assert ending.ok, ending
    assert ending.result["value"] == {"sum": 5, "title": "Write it"}
    assert ending.result["output"] == "adding\n"


def test_a_callable_that_raises_is_a_failure_with_its_traceback(tmp_path):
    (tmp_path / "mine.py").write_text("def fail(brief):\n    raise LookupError('no such branch')\n")
    ending = python("mine.fail", tmp_path)
    assert not ending.ok
    assert "LookupError: no such branch" in ending.error


def test_a_value_too_large_or_unsafe_is_not_stored_as_it_is(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def much(brief):\n    return 'x' * (2 << 20)\ndef odd(brief):\n    return ['\\0', '\\ud800',"
        " float('inf')]\n"
    )
    assert "at most" in python("mine.much", tmp_path).error
    assert python("mine.odd", tmp_path).result["value"] == ["\ufffd", "\ufffd", "inf"]


def test_a_callable_runs_in_a_process_of_its_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import os, sys\ndef who(brief):\n    return [os.getpid(), 'django' in sys.modules]\n"
    )
    assert python("mine.who", tmp_path).result["value"][0] != os.getpid()
    assert python("mine.who", tmp_path).result["value"][1] is False


# -- the account


@as_root
def test_as_root_jobs_run_as_another_account_than_server_and_database():
    lent = paths.service_user()
    uid, groups = shell("id -u; id -G").result["output"].split()
    assert int(uid) in range(paths.EXECUTOR_UID, paths.EXECUTOR_UID + UIDS)
    assert groups == str(paths.EXECUTOR_UID)
    assert int(uid) not in (0, lent and lent.uid)


@as_root
def test_as_root_a_program_its_account_cannot_reach_is_refused_with_the_reason(tmp_path, settings):
    settings.SANDBOX = "none"
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    tmp_path.chmod(0o700)
    ending = run(str(program))
    assert (ending.ok, ending.kind) == (False, "permanent")
    assert f"as uid {paths.EXECUTOR_UID} here, which cannot enter /" in ending.error
    settings.SANDBOX = "auto"
    assert run(str(program)).ok == level().sandboxed  # it is brought there


@as_root
def test_while_all_uids_are_in_use_another_try_may_help(monkeypatch):
    monkeypatch.setattr(job_user, "UIDS", 1)
    monkeypatch.setattr(paths, "EXECUTOR_UID", UNUSED_UID)
    with job_user.job_user(""):
        ending = shell("exit 0")

    assert (ending.ok, ending.kind) == (False, "transient")
    assert ending.error == f"sh could not be started: all 1 uids for jobs from {UNUSED_UID} on are in use"
    assert shell("exit 0").ok


@as_root
def test_a_fault_while_a_uid_is_reserved_is_told_as_it_is():
    with pytest.raises(BlockingIOError, match="try again"), job_user.job_user(""):
        raise BlockingIOError(errno.EAGAIN, "try again")


@as_root
@pytest.mark.full
def test_a_job_without_a_sandbox_leaves_nothing_in_common_folders(settings, mark):
    """However deep it nests its folders, and the next job with its uid runs all the same."""
    settings.SANDBOX = "none"
    nested = "for n in $(seq 1200); do mkdir d; cd d; done"

    assert shell(f"mkdir /tmp/{mark}; cd /tmp/{mark}; {nested}; ln -s /etc /tmp/{mark}-link").ok

    assert not list(Path("/tmp").glob(f"{mark}*"))
    assert Path("/etc/passwd").exists()
    assert shell("exit 0").ok


def test_an_executor_that_breaks_still_yields_an_ending(monkeypatch):
    monkeypatch.setitem(executors.KINDS, "command", lambda job, stop: 1 / 0)
    assert shell("exit 0").error == "the executor broke: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("text", "checks", "kind"),
    [
        ("exit 3", False, "transient"),
        ("exit 3", True, "validation"),
        ("kill -9 $$", True, "transient"),
        ("no-such-program", True, "validation"),
    ],
)
def test_only_the_exit_status_of_a_check_fails_validation(text, checks, kind):
    ending = shell(text, checks=checks)
    assert (ending.ok, ending.kind) == (False, kind)
