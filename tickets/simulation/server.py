"""The running server of this OMOI_HOME, as recorded by `up`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omoi_site.errors import OmoiError
from omoi_site.processes import running_server
from tickets.simulation.http import Client, Unanswered


class OtherServer(OmoiError):
    """Another server answers there, not the one of this database."""

    code = "not_running"
    status = 503
    title = "This server uses another database"


@dataclass(frozen=True)
class Server:
    """A server started by `up`: its address, its supervisor, and the process of each role."""

    url: str
    pid: int
    children: dict[str, int]

    @property
    def ready(self) -> bool:
        return answers(self.url, "/readyz")


def find_server(home: Path) -> Server | None:
    """The server whose `up` runs in this OMOI_HOME; None if there is none."""
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
    """Raise OtherServer unless the server knows the key, which means that it uses the same database."""
    try:
        answer = Client(url, 15, key).post("/api/v1/agents/me/heartbeat", {"claims": []})
    except Unanswered as error:
        raise OtherServer(f"the server at {url} does not answer: {error}") from error
    if answer.status != 200:
        raise OtherServer(
            f"the server at {url} does not know an agent registered here ({answer.status}):"
            " it uses another database"
        )
