"""Fetching over ssh from a real server: its key is kept at first use, and ours is the only one offered."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from omoi_site import networks
from tests.support import external, origins
from tests.support.wait import until
from tickets.git.address import RepositoryAddress
from tickets.git.faults import FetchFailed
from tickets.git.mirror import Mirror

SSHD = "/usr/sbin/sshd"
NAME = "forge.test"  # no resolver knows it


def new_key(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.with_suffix(".pub").unlink(missing_ok=True)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(words, check=True)


class Server:
    """An ssh server on loopback that knows the key of this installation."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        new_key(folder / "host_key")
        home.mkdir(mode=0o700, exist_ok=True)
        new_key(home / "id_ed25519")
        shutil.copy(home / "id_ed25519.pub", folder / "authorized_keys")
        self.process = None

    def start(self) -> None:
        given = {
            "ListenAddress": "127.0.0.1",
            "Port": self.port,
            "HostKey": self.folder / "host_key",
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "yes",
            "PidFile": "none",
        }
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        words = [SSHD, "-D", "-f", "/dev/null"]
        for name, value in given.items():
            words += ["-o", f"{name}={value}"]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        until(self.listens)

    def listens(self) -> bool:
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()


@pytest.fixture
def server(tmp_path, settings, monkeypatch):
    if not Path(SSHD).exists():
        external.unavailable("sshd", "there is no sshd: apt install openssh-server")
    settings.ALLOWED_NETWORKS = networks.named("127.0.0.0/8")
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **how: real("127.0.0.1" if host == NAME else host, *more, **how),
    )
    made = Server(tmp_path, Path(settings.OMOI_HOME) / "ssh")
    made.start()
    yield made
    made.stop()
    shutil.rmtree(made.home)


@pytest.fixture
def origin():
    with origins.origin() as made:
        made.commit({"a": "b"})
        made.git("config", "--file", str(made.folder / "config"), "core.bare", "true")
        yield made


@pytest.fixture
def mirror():
    made = Mirror.of(3_000_000, "of a test")
    yield made
    made.remove()


def address(server, origin):
    return RepositoryAddress.parse(f"ssh://{getpass.getuser()}@{NAME}:{server.port}{origin.folder}")


def fault(mirror, where):
    with pytest.raises(FetchFailed) as failed:
        mirror.fetch(where)
    return failed.value.fault


def test_it_is_fetched_with_our_key_and_the_hosts_key_is_kept(server, mirror, origin):
    mirror.fetch(address(server, origin))

    assert mirror.exists
    [line] = (server.home / "known_hosts").read_text().splitlines()
    assert line.startswith(f"[{NAME}]:{server.port} ssh-ed25519 ")


def test_another_key_of_the_host_is_refused_and_not_kept(server, mirror, origin):
    mirror.fetch(address(server, origin))
    before = (server.home / "known_hosts").read_text()
    server.stop()
    new_key(server.folder / "host_key")
    server.start()

    assert fault(mirror, address(server, origin)) == "host_key_changed"
    assert (server.home / "known_hosts").read_text() == before


def test_one_that_does_not_accept_our_key_is_told_and_asked_nothing_more(server, mirror, origin):
    (server.folder / "authorized_keys").write_text("")

    assert fault(mirror, address(server, origin)) == "password"


def test_a_host_without_our_key_is_told(server, mirror, origin):
    (server.home / "id_ed25519").unlink()

    assert fault(mirror, address(server, origin)) == "password"


def test_a_repository_that_is_not_there_is_told(server, mirror, origin):
    origin.folder.rename(origin.folder.with_name("away.git"))

    assert fault(mirror, address(server, origin)) == "not_found"


def test_the_configuration_of_a_user_is_not_read(server, mirror, origin, monkeypatch, tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  ProxyCommand touch /tmp/proxy\n  User nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))

    mirror.fetch(address(server, origin))

    assert mirror.exists
