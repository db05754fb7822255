"""`manage.py doctor` says what is wrong and how to fix it, with or without a server, and changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omoi_site.setup import doctor
from tests.support import ROOT, cluster
from tests.support.worker_process import running_worker

SUBJECTS = [
    "python",
    "venv",
    "git",
    "home",
    "disk",
    "port",
    "exposure",
    "names",
    "tls",
    "postgresql",
    "durability",
    "migrations",
    "roles",
    "broker",
    "clock",
    "artifacts",
    "worker",
    "executors",
    "sandbox",
]


def examined(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    seen = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *words],
        cwd=ROOT,
        env={**seen, "OMOI_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def findings(home: Path, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and the findings by name."""
    done = examined(home, "--json", **environment)
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_on_a_machine_where_nothing_was_started_nothing_is_wrong_and_nothing_is_made(tmp_path):
    done = examined(tmp_path / "home")

    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[: len(SUBJECTS)]] == SUBJECTS
    assert (
        done.stdout.splitlines()[-1]
        == f"Omoi is not running in {tmp_path / 'home'}. Start it with `python3 manage.py up`."
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.full
def test_a_server_that_never_answers_is_named_within_seconds_and_its_password_is_not(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        number = silent.getsockname()[1]
        began = time.monotonic()
        status, by_name = findings(
            tmp_path, DATABASE_URL=f"postgresql://omoi:s3cr3t-word@127.0.0.1:{number}/omoi"
        )

    assert time.monotonic() - began < 30  # one try of 3 s, and all other checks on a busy machine
    assert status == 1
    assert by_name["postgresql"]["state"] == "wrong"
    assert f"127.0.0.1:{number}" in by_name["postgresql"]["what"]
    assert "s3cr3t-word" not in json.dumps(by_name)


@pytest.mark.full
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://omoi:s3cr3t/word@host:1/x",
        *(pytest.param(url, marks=pytest.mark.full) for url in ("mysql://omoi:s3cr3t@host/x", "s3cr3t")),
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(tmp_path, url):
    status, by_name = findings(tmp_path, DATABASE_URL=url)
    assert (status, by_name["postgresql"]["state"]) == (1, "wrong")
    assert "Percent-encode" in by_name["postgresql"]["how"]
    assert "s3cr3t" not in json.dumps(by_name)


@pytest.mark.full
@pytest.mark.parametrize(
    ("environment", "state", "said"),
    [
        ({"OMOI_TLS": "1"}, "wrong", "nobody can sign in"),
        *(
            pytest.param(*each, marks=pytest.mark.full)
            for each in (
                ({}, "off", "plain HTTP"),
                ({"OMOI_TLS": "1", "OMOI_TRUSTED_ORIGINS": "https://omoi.example"}, "ok", "https only"),
                ({"OMOI_TLS": "1", "FORWARDED_ALLOW_IPS": "10.0.0.7"}, "ok", "trusted proxy: 10.0.0.7"),
            )
        ),
    ],
)
def test_cookies_that_nobody_would_get_are_wrong(tmp_path, environment, state, said):
    tls = findings(tmp_path, **environment)[1]["tls"]
    assert tls["state"] == state
    assert said in tls["what"]


@pytest.mark.full
def test_settings_that_would_be_seen_from_outside_are_wrong_only_there(tmp_path):
    assert findings(tmp_path, OMOI_DEBUG="1")[1]["exposure"]["state"] == "off"
    status, by_name = findings(
        tmp_path, OMOI_DEBUG="1", OMOI_SECRET_KEY="changeme", OMOI_ALLOWED_HOSTS="omoi.example,*"
    )
    assert status == 1
    assert "OMOI_DEBUG" in by_name["exposure"]["how"]
    assert "OMOI_SECRET_KEY" in by_name["exposure"]["how"]
    assert by_name["names"]["state"] == "wrong"


@pytest.mark.full
def test_a_home_that_is_none_is_told_in_its_line(tmp_path):
    (tmp_path / "file").write_text("")
    status, by_name = findings(tmp_path / "file" / "home")
    assert status == 1
    assert "is not a folder" in by_name["home"]["what"]


@pytest.mark.full
def test_without_git_it_says_how_to_get_it(tmp_path):
    status, by_name = findings(tmp_path, PATH=str(tmp_path))
    assert status == 1
    assert "apt install git" in by_name["git"]["how"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.full
def test_with_a_database_it_looks_at_what_is_in_it(tmp_path):
    url = cluster.environment()["DATABASE_URL"]
    with running_worker():
        by_name = findings(tmp_path, DATABASE_URL=url)[1]

    assert {
        name: by_name[name]["state"] for name in ("postgresql", "migrations", "broker", "worker", "clock")
    } == {
        "postgresql": "ok",
        "migrations": "ok",
        "broker": "ok",
        "worker": "ok",
        "clock": "off",
    }
    assert by_name["durability"]["state"] == "wrong"  # this cluster is a throwaway one
    assert "fsync" in by_name["durability"]["what"]


def test_a_check_that_breaks_is_a_finding(monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", {"broken": lambda: 1 / 0})
    [finding] = doctor.findings()
    assert (finding.state, finding.what) == (
        "wrong",
        "this check failed: ZeroDivisionError: division by zero",
    )
