"""The running server of this OMOI_HOME, as `up` notes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from omoi_site import running
from omoi_site.errors import OmoiError


class Strange(OmoiError):
    """What answers there is not the server of this database."""

    code = "not_running"
    status = 503
    title = "This is not the server of this database"


@dataclass(frozen=True)
class Server:
    """A server that `up` started: where it listens, its supervisor, and the process of each role."""

    url: str
    pid: int
    children: dict[str, int]

    @property
    def ready(self) -> bool:
        return answers(self.url, "/readyz")


def here(home: Path) -> Server | None:
    """The server whose `up` lives and holds this OMOI_HOME; None when there is none."""
    noted = running.found(home)
    if not noted or not noted.get("url"):
        return None
    return Server(noted["url"].rstrip("/"), noted["pid"], {role: pid for role, pid in noted["children"].items() if pid})


def answers(url: str, path: str) -> bool:
    try:
        return httpx.get(url + path, timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def check_knows(url: str, key: str) -> None:
    """Return when the server knows the key, and so works on the same database; raises Strange otherwise."""
    try:
        answer = httpx.post(
            f"{url}/api/v1/agents/me/heartbeat",
            json={"claims": []},
            headers={"Authorization": f"Bearer {key}"},
            timeout=15,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise Strange(f"the server at {url} does not answer: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise Strange(f"the server at {url} does not know an agent registered here ({answer.status_code}): it works on another database")
