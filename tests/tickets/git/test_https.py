"""Fetching over https from a forge that is a stranger: a real one, and ones that misbehave."""

from __future__ import annotations

import itertools
import socket

import pytest

from omoi_site import networks
from omoi_site.networks import AddressRefused
from tests.support import origins
from tests.support.forge import NAME, forge
from tickets.git.address import RepositoryAddress
from tickets.git.faults import FetchFailed
from tickets.git.mirror import Mirror
from tickets.git.objects import commit_of


@pytest.fixture
def origin():
    with origins.origin() as made:
        made.commit({"a": "b"})
        yield made


@pytest.fixture
def server(origin, tmp_path, settings, monkeypatch):
    """The forge, allowed by the admin. Its name is known to us alone, so git must be told the address."""
    settings.ALLOWED_NETWORKS = networks.named("127.0.0.0/8")
    real = socket.getaddrinfo

    def look_up(host, *more, **how):
        return real("127.0.0.1" if host == NAME else host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with forge(origin.folder.parent, tmp_path) as made:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "authority.pem.crt"))
        yield made


_numbers = itertools.count(1)


@pytest.fixture
def mirror(settings):
    made = Mirror.of(1_000_000 + next(_numbers), "of a test")
    yield made
    made.remove()


def fetch(mirror, url, seconds=60.0):
    mirror.fetch(RepositoryAddress.parse(url), seconds=seconds)


def fault(mirror, url, seconds=60.0):
    with pytest.raises(FetchFailed) as failed:
        fetch(mirror, url, seconds)
    assert failed.value.next_action
    assert not mirror.exists
    return failed.value.fault


def test_it_is_fetched_at_the_address_that_was_checked(server, mirror, origin):
    """The name is unknown to git's own look-up: it can only have used the address it was given."""
    fetch(mirror, server.url("shop.git"))

    assert commit_of(mirror.git, origin.tip("main"), seconds=60) == origin.tip("main")


def test_an_address_that_the_admin_did_not_allow_is_not_even_asked(server, mirror, settings):
    settings.ALLOWED_NETWORKS = []

    for host in (NAME, "127.0.0.1", "localhost"):
        with pytest.raises(AddressRefused):
            fetch(mirror, server.url("shop.git", host))

    assert not server.asked


def test_one_that_asks_for_a_password_gets_none(server, mirror):
    server.answer = lambda to: to.say(401, WWW_Authenticate='Basic realm="shop"')

    assert fault(mirror, server.url("shop.git")) == "password"


def test_a_redirection_is_not_followed(server, mirror):
    elsewhere = server.url("shop.git", "127.0.0.1") + "/info/refs?service=git-upload-pack"
    server.answer = lambda to: to.say(302, Location=elsewhere)

    assert fault(mirror, server.url("moved.git")) == "redirected"
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "expected"), [(404, "not_found"), (403, "password"), (500, "failed")])
def test_an_error_is_told(server, mirror, status, expected):
    server.answer = lambda to: to.say(status, b"<html>")

    assert fault(mirror, server.url("shop.git")) == expected


def test_one_that_never_answers_is_left(server, mirror):
    server.answer = lambda to: server.over.wait(60)

    assert fault(mirror, server.url("shop.git"), seconds=1) == "too_slow"


def test_one_that_sends_drop_by_drop_is_left(server, mirror):
    def drip(to):
        to.send_response(200)
        to.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        to.end_headers()
        while not server.over.wait(0.05):
            to.wfile.write(b"0")

    server.answer = drip

    assert fault(mirror, server.url("shop.git"), seconds=1) == "too_slow"


@pytest.mark.full
def test_one_that_never_stops_is_left(server, mirror):
    def flood(to):
        to.send_response(200)
        to.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        to.end_headers()
        line = b"003d" + b"a" * 40 + b" refs/heads/branch\n"
        while not server.over.is_set():
            to.wfile.write(line * 1000)

    server.answer = flood

    assert fault(mirror, server.url("shop.git"), seconds=3) in ("too_slow", "failed", "too_large")


def test_rubbish_is_told(server, mirror):
    server.answer = lambda to: to.say(200, bytes(range(256)) * 100)

    assert fault(mirror, server.url("shop.git")) in ("failed", "not_found")


def test_a_certificate_of_nobody_is_refused(server, mirror, monkeypatch):
    monkeypatch.delenv("GIT_SSL_CAINFO")

    assert fault(mirror, server.url("shop.git")) == "certificate"


def test_a_port_where_nobody_listens_is_told(server, mirror):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{taken.getsockname()[1]}/shop.git"

        assert fault(mirror, url) == "unreachable"


def test_a_proxy_or_a_configuration_of_this_machine_is_not_used(
    server, mirror, origin, monkeypatch, tmp_path
):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'http.proxy=http://127.0.0.1:9'")
    (tmp_path / ".gitconfig").write_text(f'[url "https://127.0.0.1:9/"]\n\tinsteadOf = https://{NAME}\n')

    fetch(mirror, server.url("shop.git"))

    assert mirror.exists
