"""Reusable processes: one carries out several jobs, and is replaced as soon as it is not what it was."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import threading
import time
from pathlib import Path

import pytest

from agents.executors.isolation import Isolation
from agents.executors.job import Ending, Job
from agents.executors.job_folder import make_room
from agents.executors.limits import Limits
from agents.executors.reusable.call import Call
from agents.executors.reusable.call_socket import CallSocket
from agents.executors.reusable.child import LONGEST_MESSAGE, TICK_NS
from agents.executors.reusable.pool import Pool
from agents.executors.reusable.start import MOST_JOBS
from agents.executors.stop_signal import Stop
from agents.profiles import document
from tests.support.job_host import sleepers
from tests.support.wait import until

MODULE = '''
import json, os, signal, subprocess, sys, tempfile, threading, time

kept = []
token = os.urandom(8).hex()  # one for each process: in sandboxes their numbers are the same

def who(brief):
    return token

def look(brief):
    """What this job finds."""
    folders = [os.getcwd(), os.environ["HOME"], os.environ["TMPDIR"]]
    return {
        "process": token,
        "files": [name for folder in folders for name in os.listdir(folder)],
        "config": open(os.environ["HOME"] + "/.gitconfig").read(),
        "environment": dict(os.environ),
        "below": subprocess.run(["env"], capture_output=True, text=True).stdout.splitlines(),
        "cwd": os.getcwd(),
        "umask": os.umask(0o077),
        "path": sys.path,
        "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
        "stdin": os.read(0, 10).decode(),
        "kept": list(kept),
        "sum": sum(brief.get("numbers", [])),
    }

def litter(brief):
    """Change all that a job can change."""
    kept.append("here")
    os.environ["MINE"] = "1"
    os.environ["PATH"] = "/nowhere"
    del os.environ["LANG"]
    home = os.environ["HOME"]
    for folder in (os.getcwd(), home, os.environ["TMPDIR"]):
        os.makedirs(folder + "/deep/er")
        open(folder + "/deep/er/file", "w").close()
        os.symlink("/etc", folder + "/link")
        os.chmod(folder + "/deep", 0)
    with open(home + "/.gitconfig", "a") as file:
        file.write("[core]\\n\\tfsmonitor = false\\n")
    os.umask(0)
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    sys.stdout = sys.stderr

def litter_unseen(brief):
    """The same, and put back the times of what was changed."""
    home = os.environ["HOME"]
    paths = [os.getcwd(), home, os.environ["TMPDIR"], home + "/.gitconfig"]
    before = [os.stat(path) for path in paths]
    litter(brief)
    for path, found in zip(paths, before):
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

def say(brief, text):
    print(text)
    subprocess.run(["echo", "below"])
    sys.stderr.write("!")
    return len(text)

def fail(brief):
    raise LookupError("no such branch")

def meet_limit(brief):
    with open("failed.json", "w") as file:
        json.dump({"kind": "rate_limited"}, file)
    raise LookupError("429")

def leave(brief, code=0):
    sys.exit(code)

def thread(brief):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

def process(brief, mark):
    subprocess.Popen(["sleep", mark])

def orphan(brief, mark):
    subprocess.run(["sh", "-c", "setsid sleep " + mark + " >/dev/null 2>&1 &"])

def file(brief):
    kept.append(open("/dev/null"))

def output(brief):
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)

def fork(brief):
    if not os.fork():
        return "from the child"
    time.sleep(0.05)
    return "from the parent"

def locked_folder(brief):
    os.mkdir("closed")
    for n in range(1200):
        os.mkdir("d")
        os.chdir("d")

def write(brief, name="report", text="x"):
    with open(name, "w") as file:
        file.write(text)

def much(brief):
    return "x" * (2 << 20)

def killed(brief):
    os.kill(os.getpid(), signal.SIGKILL)

def late(brief):
    """Take the next call only when the one before it has been withdrawn."""
    import __main__, socket
    receive = __main__.receive
    def receive_late(calls):
        __main__.receive = receive
        first = calls.recv(8, socket.MSG_PEEK)
        while calls.recv(8, socket.MSG_PEEK) == first:
            time.sleep(0.01)
        return receive(calls)
    __main__.receive = receive_late

def wait(brief, seconds=60):
    time.sleep(seconds)

def burn(brief, seconds):
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass

def flood(brief):
    while True:
        print("x" * 1000)

def hog(brief):
    kept.append(bytearray(100 << 20))
    time.sleep(60)

def stubborn(brief):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("begun", flush=True)
    time.sleep(60)
'''


@pytest.fixture
def folder(tmp_path):
    tmp_path.joinpath("mine.py").write_text(MODULE)
    return tmp_path


@pytest.fixture
def pool():
    with contextlib.closing(Pool(4)) as made:
        yield made


@pytest.fixture
def carry_out(pool, folder):
    """Carries out jobs one after the other, as one thread of a worker does; their endings."""

    def carry_out(*jobs: Job | str, stop: Stop | None = None) -> list[Ending]:
        jobs = [job if isinstance(job, Job) else described(folder, job) for job in jobs]
        endings: dict[int, Ending] = {}
        left = list(enumerate(jobs))
        while left:
            back: list[tuple[int, Job]] = []
            pool.carry_out(
                [
                    Call(
                        job,
                        stop or Stop(),
                        end=lambda ending, at=at: endings.__setitem__(at, ending),
                        give_back=lambda at=at, job=job, back=back: back.append((at, job)),
                    )
                    for at, job in left
                ]
            )
            left = back
        return [endings[at] for at in range(len(jobs))]

    return carry_out


def described(folder: Path, name: str, slots: dict | None = None, **more: object) -> Job:
    brief = more.pop("brief", {})
    own = {"environment": {"OMOI_TASK": "1"}, "process_key": "OMO mine", "timeout_s": 60, **more}
    return Job("1.1", "python", [f"mine.{name}"], brief, slots or {}, folders=[folder], **own)


def value(ending: Ending) -> object:
    assert ending.ok, ending
    return ending.result["value"]


def new_mark() -> str:
    return str(int.from_bytes(os.urandom(4)) + 10**8)


# -- what stays


def test_jobs_of_one_key_have_one_process_and_their_results_are_their_own(carry_out, folder):
    numbers = [described(folder, "look", brief={"numbers": [n, n]}) for n in range(20)]
    found = [value(ending) for ending in carry_out(*numbers)]
    assert len({one["process"] for one in found}) == 1
    assert [one["sum"] for one in found] == [2 * n for n in range(20)]


def test_jobs_of_other_projects_and_profiles_have_processes_of_their_own(carry_out, folder):
    keys = ["OMO mine", "OMO other", "SRE mine"]
    endings = [carry_out(described(folder, "litter", process_key=key))[0] for key in keys]
    assert all(ending.ok for ending in endings)
    finds = [carry_out(described(folder, "look", process_key=key))[0] for key in [*keys, "OMO third"]]
    assert [value(ending)["kept"] for ending in finds] == [["here"]] * 3 + [[]]


def test_nothing_of_a_job_reaches_the_next_but_what_its_modules_keep(carry_out, folder):
    first, littered, second = carry_out("look", "litter", "look")
    assert littered.ok
    before, after = value(first), value(second)
    for found in (before, after):
        found["below"].sort()
    assert before.pop("kept") == []
    assert after.pop("kept") == ["here"]
    assert before == after
    assert before["files"] == [".gitconfig"]


def test_what_no_job_has_changed_for_a_while_is_put_back_after_the_next_change(carry_out, folder):
    """Folders that keep their state are not searched before each job."""
    [first] = carry_out("look")
    began = time.monotonic()
    until(lambda: carry_out("who", "who") and time.monotonic() - began > 3 * TICK_NS / 1e9)

    littered, second = carry_out("litter_unseen", "look")

    assert littered.ok
    for part in ("process", "files", "config"):
        assert value(second)[part] == value(first)[part]


def test_each_job_has_its_own_variables(carry_out, folder):
    one, two = carry_out(
        described(folder, "look", environment={"OMOI_TASK": "1", "ONLY": "one"}),
        described(folder, "look", environment={"OMOI_TASK": "2"}),
    )
    assert value(one)["environment"]["ONLY"] == "one"
    assert value(two)["environment"]["OMOI_TASK"] == "2"
    assert "ONLY" not in value(two)["environment"]
    assert "OMOI_TASK=2" in value(two)["below"]


def test_it_sees_nothing_of_this_processs_environment(carry_out, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    [ending] = carry_out("look")
    assert "secret" not in json.dumps(value(ending))


def test_output_belongs_to_the_job_that_wrote_it(carry_out, folder):
    texts = ["one", "", "x" * 100_000, "four"]
    endings = carry_out(*[described(folder, "say", {"text": text}) for text in texts], "who")
    assert [ending.result["output"][:4].rstrip("\n") for ending in endings] == [
        "one",
        "\nbel",
        "xxxx",
        "four",
        "",
    ]
    assert all(ending.result["output"].endswith("below\n!") for ending in endings[:4])
    assert endings[2].result["dropped"] == 100_008 - (64 << 10)
    assert [ending.result["value"] for ending in endings[:4]] == [len(text) for text in texts]


def test_a_long_brief_arrives_whole(carry_out, folder):
    [ending] = carry_out(described(folder, "look", brief={"numbers": [1] * 200_000}))
    assert value(ending)["sum"] == 200_000


def test_files_are_submitted_before_the_next_job_empties_the_folder(carry_out, folder):
    reporting = [
        described(folder, "write", {"text": text}, artifacts={"report": "test_evidence"})
        for text in ("one", "two")
    ]
    endings = carry_out(*reporting)
    assert [file.content.read() for ending in endings for file in ending.files] == [b"one", b"two"]
    for ending in endings:
        ending.close()


# -- when it is replaced


def replaced(carry_out, *between: Job | str) -> tuple[bool, list[Ending]]:
    before, *endings, after = carry_out("who", *between, "who")
    return value(before) != value(after), endings


def test_after_a_hundred_jobs_a_fresh_one_takes_its_place(carry_out):
    found = [value(ending) for ending in carry_out(*["who"] * (MOST_JOBS + 2))]
    assert len(set(found[:MOST_JOBS])) == 1
    assert len(set(found[MOST_JOBS:])) == 1
    assert found[0] != found[-1]


def test_a_job_that_failed_may_say_how(carry_out, folder):
    meets = described(folder, "meet_limit", failure="failed.json")
    fails = described(folder, "fail", failure="failed.json")
    said = [ending.failure for ending in carry_out(meets, fails, described(folder, "meet_limit"))]
    assert said == [{"kind": "rate_limited"}, None, None]


def test_after_any_failure(carry_out):
    fresh, [failed] = replaced(carry_out, "fail")
    assert fresh
    assert (failed.ok, failed.kind, failed.result["exit"]) == (False, "transient", 1)
    assert "LookupError: no such branch" in failed.error


def test_after_an_exit_which_means_what_it_means_elsewhere(carry_out, folder):
    fresh, [left] = replaced(carry_out, "leave")
    assert fresh
    assert left.ok
    fresh, [failed] = replaced(carry_out, described(folder, "leave", {"code": 3}))
    assert fresh
    assert (failed.ok, failed.result["exit"], failed.error) == (False, 3, "exit status 3")


@pytest.mark.parametrize("what", ["thread", "file", "output"])
def test_when_something_remains_open_or_at_work(carry_out, what):
    fresh, [left] = replaced(carry_out, what)
    assert left.ok
    assert fresh


def test_a_child_that_comes_back_from_the_job_is_ended_and_disturbs_nobody(carry_out):
    assert [value(ending) for ending in carry_out("fork", "fork")] == ["from the parent"] * 2


@pytest.mark.parametrize("what", ["process", "orphan"])
def test_when_a_process_remains_which_ends_before_the_job_is_told_as_ended(carry_out, folder, what):
    mark = new_mark()
    fresh, [left] = replaced(carry_out, described(folder, what, {"mark": mark}))
    assert left.ok
    assert fresh
    assert not sleepers(mark)


def test_when_a_folder_cannot_be_emptied_and_the_next_job_begins_elsewhere(carry_out):
    fresh, [left] = replaced(carry_out, "locked_folder")
    assert left.ok
    assert fresh


def test_after_a_value_that_is_too_long(carry_out):
    fresh, [refused] = replaced(carry_out, "much")
    assert fresh
    assert (refused.ok, refused.kind) == (False, "permanent")
    assert "at most" in refused.error


def test_when_its_jobs_file_is_missing(carry_out, folder):
    promised = described(folder, "who", artifacts={"report": "test_evidence"})
    fresh, [failed] = replaced(carry_out, promised)
    assert fresh
    assert (failed.ok, failed.kind) == (False, "validation")


def test_when_somebody_kills_it_and_the_jobs_behind_it_are_done(carry_out):
    before, killed, after = carry_out("who", "killed", "who")
    assert value(before) != value(after)
    assert (killed.ok, killed.error) == (False, "ended by SIGKILL")


def test_one_that_was_killed_while_it_had_nothing_to_do_fails_no_job(carry_out, pool):
    [before] = carry_out("who")
    pool.idle[0].process.end(at_once=True)
    until(lambda: pool.idle[0].poll.poll(0))
    [after] = carry_out("who")
    assert value(before) != value(after)


# -- limits, timeouts, stops


@pytest.mark.full
def test_cpu_time_counts_for_each_job(carry_out, folder):
    limits = Isolation(limits=Limits(cpu_s=1))
    burning = described(folder, "burn", {"seconds": 0.7}, isolation=limits)
    assert [ending.ok for ending in carry_out(burning, burning, burning)] == [True] * 3
    [over] = carry_out(described(folder, "burn", {"seconds": 30}, isolation=limits))
    assert over.error.startswith("limit_cpu: ")


@pytest.mark.parametrize(("what", "limits"), [("flood", {"output_mb": 1}), ("hog", {"memory_mb": 60})])
def test_a_job_over_a_limit_is_ended_and_the_next_has_another_process(carry_out, folder, what, limits):
    isolation = Isolation(limits=Limits(**limits))
    over, after = carry_out(
        described(folder, what, isolation=isolation), described(folder, "who", isolation=isolation)
    )
    assert over.error.startswith(f"limit_{over.result['limit']}: ")
    assert f"{over.result['limit']}_mb" in limits
    assert after.ok


@pytest.mark.full
def test_a_timeout_counts_from_the_begin_of_the_job_and_ends_only_that(carry_out, folder):
    short = {"timeout_s": 3}
    carry_out("who")
    endings = carry_out(
        described(folder, "wait", {"seconds": 2}, **short),
        described(folder, "wait", {"seconds": 2}, **short),
        described(folder, "wait", **short),
        described(folder, "who", **short),
    )
    assert [ending.ok for ending in endings] == [True, True, False, True]
    assert endings[2].error == "timed out after 3 s"


@pytest.mark.full
def test_a_job_that_does_not_listen_is_killed(carry_out, folder):
    [ending] = carry_out(described(folder, "stubborn", timeout_s=2))
    assert (ending.error, ending.result["output"]) == ("timed out after 2 s", "begun\n")


@pytest.mark.full
def test_a_stop_ends_the_job_and_takes_back_what_has_not_begun(pool, folder):
    stops = [Stop() for _ in range(3)]
    endings: dict[int, Ending] = {}
    back: list[int] = []

    def calls(*names: str) -> list[Call]:
        return [
            Call(
                described(folder, name),
                stops[at],
                end=lambda ending, at=at: endings.__setitem__(at, ending),
                give_back=lambda at=at: back.append(at),
            )
            for at, name in enumerate(names)
        ]

    thread = threading.Thread(target=lambda: pool.carry_out(calls("stubborn", "who", "who")))
    thread.start()
    stops[1].request("the claim was lost")
    until(lambda: 1 in endings)
    assert (endings[1].stopped, endings[1].error) == (True, "the claim was lost")
    until(lambda: back == [2])  # it does not wait behind a long job
    stops[0].request("the worker ends")
    thread.join(20)

    assert not thread.is_alive()
    assert (endings[0].stopped, endings[0].error) == (True, "the worker ends")


@pytest.mark.parametrize("last", ["who", "killed"])
def test_what_it_takes_while_others_are_withdrawn_is_done_once(carry_out, folder, monkeypatch, last):
    """Two read the same socket: it takes a call after we have withdrawn the one before."""
    withdraw = CallSocket.withdraw
    withdrawn: list[set[int]] = []

    def slowly(calls: CallSocket) -> set[int]:
        monkeypatch.setattr(CallSocket, "withdraw", withdraw)
        first = struct.unpack_from("<Q", calls.theirs.recv(LONGEST_MESSAGE))[0]
        until(lambda: not select.select([calls.theirs], [], [], 0)[0])
        withdrawn.append({first} | withdraw(calls))
        return withdrawn[0]

    monkeypatch.setattr(CallSocket, "withdraw", slowly)
    _, second, third = carry_out("late", "who", last)

    assert [len(numbers) for numbers in withdrawn] == [1]
    assert second.ok
    assert third.error == {"who": "", "killed": "ended by SIGKILL"}[last]


def test_many_jobs_leave_no_descriptor_open_and_no_folder(carry_out, pool):
    carry_out("who")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        carry_out("who", "fail", "who")
    assert len(os.listdir("/proc/self/fd")) == before
    pool.close()
    assert not list(make_room("work").glob(f"{os.getpid()}-1.1-*"))


def test_one_that_has_nothing_to_do_is_ended_after_a_while(carry_out, pool, monkeypatch):
    carry_out("who")
    pool.tidy()
    assert len(pool.idle) == 1
    pool.idle[0].used_at = time.monotonic() - 61
    pool.tidy()
    assert not pool.idle


# -- which profiles may


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"kind": "command", "words": ["true"]}, "kind python"),
        ({"shared": "ledger"}, "shared folder"),
        ({"environment": {"PYTHONPATH": "/srv/repository"}}, "PYTHONPATH"),
    ],
)
def test_what_may_bring_code_or_jobs_together_is_not_reusable(more, why):
    profile = {"kind": "python", "callable": "mine.who", "reusable": True}
    assert not document.faults_of(profile)
    if more.get("kind") == "command":
        del profile["callable"]
    assert why in "; ".join(document.faults_of(profile | more))
