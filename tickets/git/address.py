"""The address of a repository: https, ssh, or a folder of this machine, and nothing that git would read as
an option, a program or another protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from omoi_site import field_limits
from omoi_site.setup import paths
from tickets.git.faults import BadAddress

MOST = 500  # characters
HOST = re.compile(r"\A[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z|\A[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\Z")
USER = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
REMOTE_PATH = re.compile(r"\A/?[A-Za-z0-9._~+@%][A-Za-z0-9._~+@%/-]*\Z")
SHORT_SSH = re.compile(r"\A(?:(?P<user>[^@/:]*)@)?(?P<host>[^@/:\[\]]+|\[[^\]]*\]):(?P<path>[^:].*)\Z")
PORTS = {"https": 443, "ssh": 22}
ELSE = "write https://host/path or ssh://git@host/path"


@dataclass(frozen=True)
class RepositoryAddress:
    """scheme: https, ssh or file. text: as git takes it."""

    text: str
    scheme: str
    path: str
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> RepositoryAddress:
        """Raises BadAddress, which never repeats the text: it may hold a password."""
        if len(text) > MOST:
            raise BadAddress(f"an address has at most {MOST} characters; this one has {len(text)}")
        if fault := field_limits.exact_fault(text):
            raise BadAddress(fault)
        if not text or any(letter.isspace() for letter in text):
            raise BadAddress(f"an address has no spaces: {ELSE}")
        if text.startswith("-"):
            raise BadAddress(f"an address must not begin with -: {ELSE}")
        if re.match(r"[A-Za-z0-9+.-]*::", text):
            raise BadAddress(f"an address must not name a program of git with `::`: {ELSE}")
        if "://" in text:
            return _of_url(text)
        if text.startswith("/"):
            return _of_folder(text)
        return _of_short_ssh(text)

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine, which only the admin of the installation may name."""
        return self.scheme == "file"

    def expect_outside_home(self) -> None:
        """Raise BadAddress if this folder lies in one of Omoi's own: mirrors, secrets and the database are
        there. To be asked before each use, since a link may lead elsewhere now.
        """
        real = Path(self.path).resolve()
        for own in (settings.OMOI_HOME, paths.data_folder(settings.OMOI_HOME), paths.ELSEWHERE):
            if any(_same(folder, own) for folder in (real, *real.parents)):
                raise BadAddress("a repository cannot be in a folder of Omoi's own: choose another folder")


def _of_url(text: str) -> RepositoryAddress:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadAddress(f"this is not an address: {ELSE}") from None
    if parts.scheme not in ("https", "ssh", "file"):
        raise BadAddress(f"this protocol is not allowed: {ELSE}")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise BadAddress("an address must not contain ? or #")
    if parts.scheme == "file":
        if parts.netloc:
            raise BadAddress("write a folder as file:///path, with three slashes")
        return _of_folder(unquote(parts.path))
    if parts.password is not None or (parts.scheme == "https" and "@" in parts.netloc):
        raise BadAddress(
            "an address must not contain a password or token: everybody who sees the project would see it;"
            " use ssh with the key of this installation"
        )
    if parts.username is not None and not USER.match(parts.username):
        raise BadAddress("the user in the address has characters that are not allowed")
    return _remote(text, parts.scheme, parts.hostname or "", port, parts.path)


def _of_short_ssh(text: str) -> RepositoryAddress:
    parts = SHORT_SSH.match(text)
    if not parts:
        raise BadAddress(f"this is not an address: {ELSE}")
    if parts["user"] is not None and not USER.match(parts["user"]):
        raise BadAddress("the user in the address has characters that are not allowed")
    return _remote(text, "ssh", parts["host"].strip("[]"), None, parts["path"])


def _remote(text: str, scheme: str, host: str, port: int | None, path: str) -> RepositoryAddress:
    if not HOST.match(host) or len(host) > 253:
        raise BadAddress("the host in the address is missing, or has characters that are not allowed")
    if port == 0:
        raise BadAddress("the port is a number from 1 to 65535")
    if not REMOTE_PATH.match(path) or ".." in path.split("/"):
        raise BadAddress("the path in the address is empty, or is not valid")
    return RepositoryAddress(text, scheme, path, host, port or PORTS[scheme])


def _of_folder(path: str) -> RepositoryAddress:
    if ".." in path.split("/") or "\0" in path:
        raise BadAddress("the path of a folder must not contain ..")
    if fault := field_limits.exact_fault(path):  # also of what was written as %E2%80%8B
        raise BadAddress(f"the path of a folder: {fault}")
    address = RepositoryAddress(f"file://{quote(path)}", "file", path)
    address.expect_outside_home()
    return address


def _same(folder: Path, own: Path) -> bool:
    """Also where the same folder is reached by another path."""
    try:
        return folder == own.resolve() or folder.samefile(own)
    except OSError:
        return False
