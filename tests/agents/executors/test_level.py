"""What a machine can do to keep jobs apart, and what is refused where it can do too little."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from agents.executors import level as levels
from agents.executors import sandbox
from agents.executors.isolation import Isolation
from agents.executors.job import Ending, Job
from agents.executors.job_user import UIDS
from agents.executors.level import fault, level
from agents.executors.run import run
from agents.executors.start_cost import start_cost
from agents.executors.stop_signal import Stop
from omoi_site.setup import paths
from tests.support.external import unavailable
from tests.support.job_host import LEVELS, job_host


@pytest.fixture
def bubblewrap() -> None:
    if why := fault():
        unavailable("sandbox", why)


def test_threads_that_start_jobs_at_once_copy_etc_once(monkeypatch, tmp_path):
    copied = []
    monkeypatch.setattr(sandbox, "_copy", lambda source, target: copied.append(source))
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(sandbox.etc, [tmp_path] * 16))
    assert len(folders) == 1
    assert len(copied) == len(sandbox.ETC)


@pytest.fixture
def no_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setattr(levels, "SYSTEM_PATH", str(tmp_path))
    levels._level.cache_clear()
    yield
    levels._level.cache_clear()


def echo(**isolation: Any) -> Ending:
    with closing(Stop()) as stop:
        return run(Job("1.1", "command", ["echo", "hello"], {}, isolation=Isolation(**isolation)), stop)


def test_bubblewrap_is_used_where_it_works(bubblewrap, settings):
    settings.SANDBOX = "auto"
    assert (level().name, level().why, level().open) == ("bubblewrap", "", ())
    assert echo(sandboxed=True).ok


@pytest.mark.full
@pytest.mark.parametrize("name", LEVELS)
def test_a_job_has_no_right_that_it_could_use(name):
    """No capability, none to regain by a set-uid program; a sandbox has no way to another namespace."""
    with job_host(name) as host:
        output = host.output_of(
            "cat /proc/self/status; id -u; unshare --user --map-root-user echo inside || true"
        )
        status = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
        assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        if name == "root+bwrap":
            assert status["CapBnd"] == "0" * 16
        if name == "user+bwrap":
            assert "inside" not in output
        uids = set(status["Uid"].split())
        jobs = range(paths.EXECUTOR_UID, paths.EXECUTOR_UID + UIDS)
        assert len(uids) == 1
        assert int(uids.pop()) in (jobs if name.startswith("root") else [host.uid])


def test_without_it_a_sandboxed_profile_is_refused_and_a_trusted_one_runs(no_bubblewrap, settings):
    settings.SANDBOX = "auto"
    assert level().name == ("uid" if os.geteuid() == 0 else "none")
    assert level().open

    refused = echo(sandboxed=True)

    assert (refused.ok, refused.kind) == (False, "permanent")
    assert refused.error == f"its profile runs only in a sandbox, and there is none here: {level().why}"
    assert "apt install bubblewrap" in refused.error
    assert echo().ok


def test_an_operator_can_demand_it_for_all(no_bubblewrap, settings):
    settings.SANDBOX = "bwrap"
    assert "bubblewrap is not installed" in echo().error


def test_an_operator_can_do_without_it(settings):
    settings.SANDBOX = "none"
    assert "OMOI_SANDBOX=none" in level().why
    assert echo().ok


def test_a_setting_that_does_not_exist_runs_nothing(settings):
    settings.SANDBOX = "docker"
    assert "must be one of auto, bwrap, none" in echo().error


def test_a_bubblewrap_that_does_not_work_is_told_in_its_own_words(monkeypatch, tmp_path, settings):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2; exit 1\n")
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(program))
    assert fault() == "bubblewrap does not work here: setting up uid map: Permission denied"


@pytest.mark.full
def test_what_a_start_costs_is_measured(settings):
    settings.SANDBOX = "auto"
    costs = start_cost()
    assert set(costs) >= {"bare"}
    assert ("uid" in costs) == (os.geteuid() == 0)
    assert ("bubblewrap" in costs) == level().sandboxed
    assert all(0 < cost < 10_000 for cost in costs.values())
