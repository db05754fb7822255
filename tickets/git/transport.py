"""How git reaches a repository: at the addresses that were checked, as a host whose key is known, or as a
user that can read nothing of ours.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from agents.executors.job_user import SYSTEM_PATH, job_user
from omoi_site import networks
from tickets.git.address import RepositoryAddress
from tickets.git.faults import FetchFailed

STALLED_S = 10  # without a byte, after which git itself gives up
LOCAL_GIT = ("git", "-c", "safe.directory=*", "upload-pack")
SSH = (  # nothing of anybody's configuration, and never a question
    *("-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new"),
    *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no", "-o", "CheckHostIP=no"),
    *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "PreferredAuthentications=publickey"),
    *("-o", "ProxyCommand=none", "-o", "ControlPath=none", "-o", "ClearAllForwardings=yes"),
    *("-o", "ForwardAgent=no", "-o", "PermitLocalCommand=no", "-o", "ConnectionAttempts=1"),
    *("-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=2"),
    *("-o", "LogLevel=ERROR"),
)


@dataclass(frozen=True)
class Transport:
    """What to add to a fetch: settings and environment of git, and options of the fetch."""

    environment: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


@contextlib.contextmanager
def transport(address: RepositoryAddress) -> Iterator[Transport]:
    """For one fetch of this address. Raises BadAddress, AddressRefused, HostUnknown or FetchFailed."""
    if address.local:
        address.expect_outside_home()
        with job_user("") as user:
            become = _as_user(user.uid, user.gid) if user else []
            # exec: no shell stays between, so that it ends when our side does
            sender = f"exec {shlex.join([*become, *LOCAL_GIT])}"
            yield Transport({"GIT_ALLOW_PROTOCOL": "file"}, options=(f"--upload-pack={sender}",))
        return
    found = networks.addresses(address.host, address.port)
    yield _https(address, found) if address.scheme == "https" else _ssh(address, found[0])


def _https(address: RepositoryAddress, found: list[str]) -> Transport:
    """With the addresses that were checked: the name may mean another one by the time git looks it up."""
    environment = {"GIT_ALLOW_PROTOCOL": "https"}
    if authorities := os.environ.get("GIT_SSL_CAINFO"):
        environment["GIT_SSL_CAINFO"] = authorities
    http = {"http.lowSpeedLimit": "1", "http.lowSpeedTime": str(STALLED_S)}
    if not _is_address(address.host):
        http["http.curloptResolve"] = f"{address.host}:{address.port}:{','.join(found)}"
    return Transport(environment, http)


def _ssh(address: RepositoryAddress, found: str) -> Transport:
    """The key of a host is kept at its first use, by the name of the host and not by its address."""
    home = Path(settings.OMOI_HOME) / "ssh"
    home.mkdir(mode=0o700, exist_ok=True)
    options: dict[str, Path | str] = {
        "UserKnownHostsFile": home / "known_hosts",
        "IdentityFile": home / "id_ed25519",
        "HostName": found,
        "HostKeyAlias": f"[{address.host}]:{address.port}",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={_quoted(value)}")]
    return Transport(
        {
            "GIT_ALLOW_PROTOCOL": "ssh",
            "GIT_SSH_VARIANT": "ssh",
            "GIT_SSH_COMMAND": shlex.join(["ssh", *SSH, *words]),
        }
    )


def _quoted(value: Path | str) -> str:
    """As ssh reads a value: with blanks, and % as itself."""
    return '"' + str(value).replace("%", "%%") + '"'


def _as_user(uid: int, gid: int) -> list[str]:
    """The words that run a program as this user, without any right."""
    if not shutil.which("setpriv", path=SYSTEM_PATH):
        raise FetchFailed(
            "no_setpriv",
            "Omoi runs as root, and without setpriv it cannot read a folder as another user",
            "Install util-linux, or do not run Omoi as root.",
        )
    rights = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
    user = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    return ["setpriv", *user, *rights, "--pdeathsig", "KILL", "--"]


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False
