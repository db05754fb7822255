"""A process that runs jobs, as a worker does, at each of the levels at which a machine can isolate them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agents.executors.removal import remove
from tests.support import ROOT, children
from tests.support.external import unavailable
from tests.support.wait import until

LEVELS = ("root+bwrap", "root", "user+bwrap", "user")
ORDINARY_UID = 59_999  # without an account, and outside of the uids of jobs
SHELL = """
import subprocess, sys

def run(brief, text):
    code = subprocess.run(["sh", "-c", text], stdin=subprocess.DEVNULL).returncode
    if code:
        sys.exit(code if code > 0 else 128 - code)
"""
PYTHONS = (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3")


class JobHost:
    """`work` of this file in a process of its own, as root or as an ordinary user."""

    def __init__(self, level: str, home: Path, reusable: bool = False) -> None:
        self.level, self.home, self.reusable = level, home, reusable
        account, _, sandbox = level.partition("+")
        if account == "root" and os.geteuid() != 0:
            unavailable("root", "the tests must run as root to try what root does")
        if sandbox and not shutil.which("bwrap"):
            unavailable("sandbox", "jobs run in bubblewrap: apt install bubblewrap")
        self.uid = ORDINARY_UID if account == "user" and os.geteuid() == 0 else os.geteuid()
        python, packages = self.python()
        as_user = (
            {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid != os.geteuid() else {}
        )
        if as_user:
            os.chown(home, self.uid, self.uid)
        self.endings: dict[int, dict[str, Any]] = {}
        self.count = 0
        self.process = children.start(
            [python, "-m", "tests.support.job_host"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": packages,
                "PYTHONDONTWRITEBYTECODE": "1",
                "DJANGO_SETTINGS_MODULE": "omoi_site.settings",
                "OMOI_HOME": str(home),
                "OMOI_SANDBOX": "bwrap" if sandbox else "none",
                "SECRET_OF_THE_HOST": "settings-of-the-host",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **as_user,
        )
        threading.Thread(target=self.read, daemon=True).start()

    def python(self) -> tuple[str, str]:
        """An interpreter that the user can run, and where its packages are."""
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        for python in PYTHONS:
            words = [python, "-c", "import django, yaml, jsonschema"]
            as_user = {"user": self.uid} if self.uid != os.geteuid() else {}
            with contextlib.suppress(OSError):
                environment = {"PYTHONPATH": packages}
                if not subprocess.run(
                    words, env=environment, cwd="/", capture_output=True, **as_user
                ).returncode:
                    return python, packages
        return unavailable("sandbox", "an ordinary user has no Python here: install python3 under /usr")

    def read(self) -> None:
        for line in self.process.stdout:
            ending = json.loads(line)
            self.endings[ending["number"]] = ending

    def start(self, text: str, *, job: dict[str, Any] | None = None, **isolation: Any) -> int:
        """Begin to run this text in a shell; the number to ask for its ending by. job: more of Job."""
        self.count += 1
        self.tell(number=self.count, text=text, job=job or {}, isolation=isolation, reusable=self.reusable)
        return self.count

    def stop(self, number: int) -> None:
        self.tell(stop=number)

    def tell(self, **words: Any) -> None:
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def ending(self, number: int, patience: float = 60) -> dict[str, Any]:
        until(lambda: number in self.endings or self.process.poll() is not None, patience)
        return self.endings[number]

    def run(self, text: str, **more: Any) -> dict[str, Any]:
        return self.ending(self.start(text, **more))

    def output_of(self, text: str, **more: Any) -> str:
        """The output of a job, which must end well."""
        ending = self.run(text, **more)
        assert ending["ok"], ending
        return ending["result"]["output"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def job_host(level: str, *, reusable: bool = False) -> Iterator[JobHost]:
    """reusable: jobs that share no folder are carried out by reusable processes."""
    home = Path(tempfile.mkdtemp(prefix="omoi-jobs-"))
    home.chmod(0o711)
    host = None
    try:
        host = JobHost(level, home, reusable)
        yield host
    finally:
        if host:
            host.kill()
        remove(home)


def sleepers(mark: str) -> list[int]:
    """The processes that sleep for as many seconds as `mark` says."""
    output = subprocess.run(["ps", "-wweo", "pid,args"], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in output.splitlines() if line.split()[1:3] == ["sleep", mark]]


def work() -> None:
    """In the process: jobs come in as lines, and their endings go out as lines."""
    from agents.executors import spawn
    from agents.executors.isolation import Isolation
    from agents.executors.job import Ending, Job
    from agents.executors.job_folder import clear_leftovers
    from agents.executors.limits import Limits
    from agents.executors.reusable.call import Call
    from agents.executors.reusable.pool import Pool
    from agents.executors.run import run
    from agents.executors.stop_signal import Stop

    clear_leftovers()
    spawn.adopt_strays()
    stops: dict[int, Stop] = {}
    lock = threading.Lock()
    pool = Pool(8)
    modules = Path(os.environ["OMOI_HOME"]) / "modules"
    modules.mkdir(mode=0o755)
    (modules / "shell.py").write_text(SHELL)

    def carry_out(asked: dict[str, Any], stop: Stop) -> Ending:
        key = repr(asked["isolation"])
        isolation = asked["isolation"]
        isolation["limits"] = Limits(**isolation.get("limits", {}))
        more = {"isolation": Isolation(**isolation), "timeout_s": 60, **asked["job"]}
        name, text = f"test.{asked['number']}", asked["text"]
        if not asked["reusable"] or isolation.get("shared"):
            return run(Job(name, "command", ["sh", "-c", text], {}, **more), stop)
        job = Job(
            name, "python", ["shell.run"], {}, {"text": text}, folders=[modules], process_key=key, **more
        )
        endings: list[Ending] = []
        while not endings:
            pool.carry_out([Call(job, stop, end=endings.append, give_back=lambda: None)])
        return endings[0]

    def one(asked: dict[str, Any], stop: Stop) -> None:
        ending = carry_out(asked, stop)
        files = {file.path: file.content.read().decode() for file in ending.files}
        ending.close()
        answer = {"ok": ending.ok, "error": ending.error, "result": ending.result, "files": files}
        with lock:
            print(json.dumps({"number": asked["number"], **answer}), flush=True)

    for line in sys.stdin:
        asked = json.loads(line)
        if "stop" in asked:
            stops[asked["stop"]].request("the claim was lost")
        else:
            stop = stops[asked["number"]] = Stop()
            threading.Thread(target=one, args=(asked, stop)).start()


if __name__ == "__main__":
    work()
