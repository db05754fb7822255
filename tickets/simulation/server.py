"""The running server of this OMOI_HOME, as `up` notes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omoi_site.errors import OmoiError
from omoi_site.processes import running_server
from tickets.simulation.http import Client, Unanswered


class OtherServer(OmoiError):
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


def find_server(home: Path) -> Server | None:
    """The server whose `up` lives and holds this OMOI_HOME; None when there is none."""
    document = running_server.find(home)
    if not document or not document.get("url"):
        return None
    return Server(
        document["url"].rstrip("/"),
        document["pid"],
        {role: pid for role, pid in document["children"].items() if pid},
    )


def answers(url: str, path: str) -> bool:
    try:
        return Client(url, 2).get(path).status == 200
    except Unanswered:
        return False


def check_knows(url: str, key: str) -> None:
    """Return when the server knows the key, so that it has the same database; else raise OtherServer."""
    try:
        answer = Client(url, 15, key).post("/api/v1/agents/me/heartbeat", {"claims": []})
    except Unanswered as error:
        raise OtherServer(f"the server at {url} does not answer: {error}") from error
    if answer.status != 200:
        raise OtherServer(
            f"the server at {url} does not know an agent registered here ({answer.status}):"
            " it works on another database"
        )
