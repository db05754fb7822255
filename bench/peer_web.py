"""FastAPI + asyncpg beside a checkout: a database of its own on the same server, with as many agents, tickets
and ready tasks as the scene has; and pgbench on the same tables.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from bench.checkout import ROOT, address, peer_address
from bench.load import Ports
from bench.peer_environment import PEERS
from bench.peers.statements import CLAIM
from bench.processes import BenchFailed, Process, answers, listener, output_of
from bench.scenes import Scene

NAME = "peers"
CLIENTS = 16  # of pgbench
TITLES = "FastAPI + asyncpg"
UPDATE = (
    "UPDATE task SET lease_expires_at = clock_timestamp() + interval '60 s'"
    " WHERE id = :task AND fence = 1 AND state = 'claimed'"
)
FILL = """
INSERT INTO project SELECT n, 'B' || n, 'Project ' || n FROM generate_series(0, %(projects)s - 1) n;
INSERT INTO label SELECT n, 'label-' || n FROM generate_series(0, 9) n;
INSERT INTO ticket
SELECT n, n %% %(projects)s, 1 + n %% %(agents)s, 'Ticket ' || n, '', 'DOING', n %% 4
FROM generate_series(1, %(tickets)s) n;
INSERT INTO ticket_label SELECT t.id, (t.id + n) %% 10 FROM ticket t, generate_series(0, 1) n
"""
REFILL = """
TRUNCATE task, history;
INSERT INTO task (ticket_id, title, priority, state)
SELECT t.id, 'Task ' || n, n %% 4, (ARRAY['done', 'done', 'done', 'done', 'failed', 'cancelled'])[1 + n %% 6]
FROM ticket t
CROSS JOIN generate_series(1, 10) n;
INSERT INTO task (ticket_id, title, priority)
SELECT 1 + n %% %(tickets)s, 'Task ' || n, n %% 4
FROM generate_series(1, %(ready)s) n;
VACUUM ANALYZE task;
VACUUM ANALYZE history;
CHECKPOINT
"""


class PeerWeb:
    """The peer's database and processes. `ports` is where they answer, and `keys` those of its agents."""

    def __init__(self, scene: Scene, python: Path, count: int) -> None:
        self.scene, self.python = scene, python
        checkout = scene.checkout
        self.address = peer_address(checkout.home, NAME)
        self.keys = [secrets.token_urlsafe(32) for _ in scene.agents]
        size = {"projects": len(scene.projects), "agents": len(self.keys), "tickets": scene.tickets}
        with checkout.connect(NAME) as link:
            link.execute((PEERS / "fastapi.sql").read_text())
            for number, key in enumerate(self.keys, 1):
                link.execute("INSERT INTO agent VALUES (%s, %s)", [number, f"bench-{number}"])
                hashed = hashlib.sha256(key.encode()).digest()
                link.execute("INSERT INTO api_key VALUES (%s, %s)", [hashed, number])
            self._run(FILL, size)
        self.ports, self.processes = self._serve(count)

    def _serve(self, count: int) -> tuple[Ports, list[Process]]:
        checkout = self.scene.checkout
        environment = {
            **os.environ,
            "PEER_DATABASE": self.address,
            "OMOI_DATABASE": address(checkout.home, "omoi"),
            "OMOI_LIST": str(ROOT / "bench" / "list_of_50.sql"),
        }
        environment.pop("PYTHONPATH", None)
        ports, processes = [], []
        for number in range(count):
            with listener() as found:
                ports.append(found.getsockname()[1])
                process = Process(
                    [self.python, PEERS / "serve.py", str(found.fileno())],
                    checkout.home / f"bench-fastapi-{number}.log",
                    environment=environment,
                    sockets=[found],
                )
            processes.append(process)
            checkout.processes.append(process)
        for port, process in zip(ports, processes, strict=True):
            process.wait_until(partial(answers, port, "/healthz"), TITLES)
        return tuple(ports), processes

    def refill(self, ready: int) -> None:
        self._run(REFILL, {"tickets": self.scene.tickets, "ready": ready})

    def claimed(self) -> int:
        with self.scene.checkout.connect(NAME) as link:
            return int(link.execute("SELECT count(*) FROM task WHERE state = 'claimed'").fetchone()[0])

    def _run(self, statements: str, values: dict[str, Any]) -> None:
        with self.scene.checkout.connect(NAME) as link:
            for statement in statements.split(";"):
                link.execute(statement.encode() if "%" not in statement else statement, values)

    def pgbench(self, script: str, *, clients: int, each: int) -> float:
        """Transactions a second of this pgbench script, prepared, by so many clients, `each` so often."""
        checkout = self.scene.checkout
        login = checkout.login(NAME)
        with tempfile.NamedTemporaryFile("w", suffix=".sql", dir=checkout.home) as file:
            file.write(script)
            file.flush()
            words = [checkout.programs() / "pgbench", "-n", "-M", "prepared", "-f", file.name]
            words += ["-c", str(clients), "-t", str(each), "-h", login["host"], "-U", login["user"], NAME]
            said = output_of(
                words, environment={**os.environ, "PGPASSWORD": login["password"]}, folder=checkout.home
            )
        found = re.search(r"^tps = ([\d.]+) \(without", said, re.MULTILINE)
        if not found:
            raise BenchFailed(f"pgbench printed no rate:\n{said[-500:]}")
        return float(found[1])

    def pgbench_claims(self, batch: int, each: int) -> float:
        """The statement of a claim, by pgbench alone."""
        values = ["(SELECT hash FROM api_key WHERE agent_id = :agent)", str(batch), "60"]
        script = f"\\set agent random(1, {len(self.keys)})\n{with_values(CLAIM, values)};\n"
        return self.pgbench(script, clients=CLIENTS, each=each)

    def pgbench_updates(self, first: int, last: int, each: int) -> float:
        """The lease of one task, which is claimed, renewed by one plain UPDATE."""
        script = f"\\set task random({first}, {last})\n{UPDATE};\n"
        return self.pgbench(script, clients=CLIENTS, each=each)


def with_values(statement: str, values: list[str]) -> str:
    """The statement on one line, with values in place of $1, $2, …"""
    return re.sub(r"\$(\d+)", lambda place: values[int(place[1]) - 1], " ".join(statement.split()))
