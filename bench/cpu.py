"""CPU of the hot requests in one web process, and its ratio to an empty view that answers 204.

python3 manage.py bench cpu [--json] [--rounds 5] [--requests 200] [--agents 20]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.executors.supervisor.linux import descendants
from bench.processes import cpu_ns
from bench.temporary_server import temporary_server

ROOT = Path(__file__).resolve().parent.parent
EMPTY = "/api/v1/empty"  # only here: a view that the web process of this bench has beside the others
LIST = 50
AT_ONCE = 10  # requests of one kind in a row
LONG = {"lease_s": 14_400}  # of a claim: on a busy machine the bench takes its time


class Caller:
    """Sends requests of agents in turn over one connection."""

    def __init__(self, port: int, keys: list[str]) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.keys = keys
        self.turn = 0

    def call(self, method: str, path: str, body: Any = None, *, by: int | None = None) -> tuple[int, bytes]:
        if by is None:
            by, self.turn = self.turn % len(self.keys), self.turn + 1
        headers = {"Authorization": f"Bearer {self.keys[by]}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.link.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.link.getresponse()
        return answer.status, answer.read()


def hot(caller: Caller, key: str) -> dict[str, Callable[[int], None]]:
    """The requests, by name; each takes its number."""
    held: dict[int, list[dict[str, Any]]] = {}

    def expect(status: int, answer: tuple[int, bytes]) -> Any:
        assert answer[0] == status, answer
        return json.loads(answer[1]) if answer[1] else None

    def claim(number: int) -> None:
        agent = number % len(caller.keys)
        answer = expect(200, caller.call("POST", "/api/v1/claims", LONG, by=agent))
        held.setdefault(agent, []).extend(
            {"task": claim["task"]["id"], "fence": claim["fence"]} for claim in answer["claims"]
        )

    def heartbeat(number: int) -> None:
        agent = number % len(caller.keys)
        body = {"claims": held[agent][-1:]}
        expect(200, caller.call("POST", "/api/v1/agents/me/heartbeat", body, by=agent))

    def complete(number: int) -> None:
        agent = number % len(caller.keys)
        ended = held[agent].pop()
        path = f"/api/v1/tasks/{ended['task']}/completion"
        expect(200, caller.call("POST", path, {"fence": ended["fence"]}, by=agent))

    def settle(number: int) -> None:
        agent = number % len(caller.keys)
        items = [{**held[agent].pop(), "outcome": "completed"}]
        answer = expect(
            200, caller.call("POST", "/api/v1/settlements", {"items": items, "next": LONG}, by=agent)
        )
        held[agent].extend(
            {"task": claim["task"]["id"], "fence": claim["fence"]} for claim in answer["claims"]
        )

    return {
        "empty": lambda number: expect(204, caller.call("POST", EMPTY, {})),
        "claim": claim,
        "heartbeat": heartbeat,
        "settle and next": settle,
        "completion": complete,
        "agents/me": lambda number: expect(200, caller.call("GET", "/api/v1/agents/me")),
        f"list of {LIST}": lambda number: expect(
            200, caller.call("GET", f"/api/v1/tickets?project={key}&limit={LIST}")
        ),
    }


def measure(
    processes: tuple[int, int],
    requests: dict[str, Callable[[int], None]],
    rounds: int,
    count: int,
    step: Callable[[], Any],
) -> dict[str, dict[str, list[float]]]:
    """Microseconds of CPU a request in each round, of the web process and of PostgreSQL, whose pids are
    `processes`. The requests take turns, few at a time, so that all meet the same neighbours; a first round
    that is not counted fills the caches.
    """
    web, postmaster = processes
    found: dict[str, dict[str, list[float]]] = {name: {"web": [], "postgresql": []} for name in requests}
    for turn in range(rounds + 1):
        used: Counter[tuple[str, str]] = Counter()
        for first in range(0, count, AT_ONCE):
            for name, send in requests.items():
                before = cpu_ns([web]), cpu_ns(descendants(postmaster))
                for number in range(first, min(first + AT_ONCE, count)):
                    send(number)
                used[name, "web"] += cpu_ns([web]) - before[0]
                used[name, "postgresql"] += cpu_ns(descendants(postmaster)) - before[1]
        if turn:
            for name, figures in found.items():
                for which, each in figures.items():
                    each.append(used[name, which] / count / 1000)
        step()
    return found


def ratios(found: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Medians, and that of the ratios of a round: the CPU of the web process to that of the empty view."""
    return {
        name: {
            "web_us": round(statistics.median(each["web"]), 1),
            "postgresql_us": round(statistics.median(each["postgresql"]), 1),
            "ratio_to_empty": round(
                statistics.median(
                    one / empty for one, empty in zip(each["web"], found["empty"]["web"], strict=True)
                ),
                2,
            ),
        }
        for name, each in found.items()
    }


# -- run as a script


@contextmanager
def web_process() -> Iterator[tuple[int, int]]:
    """A web process with the empty view, on the database of this process: its pid and its port."""
    listening, said = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "bench.cpu", "--serve"],
        cwd=ROOT,
        env={**os.environ, "OMOI_READY_FD": str(said), "PYTHONPATH": str(ROOT)},
        pass_fds=[said],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(said)
    try:
        with os.fdopen(listening) as ready:
            port = ready.readline().strip()
        assert port, process.stderr and process.stderr.read()
        yield process.pid, int(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def serve() -> None:
    """What the web process runs: the application as it is, and an empty view."""
    # Django reads its settings from the environment of this process
    from omoi_site import asgi
    from omoi_site.serving import journal_listener, server

    full = asgi.through_django.wsgi
    # The looks at the journal come by time, not by request: on a busy machine, where a request takes long,
    # many would be counted with it.
    journal_listener.GATHER_S = 3600

    def wsgi(env: dict[str, Any], start: Callable[..., Any]) -> Any:
        if env["PATH_INFO"] == EMPTY and env.get("HTTP_AUTHORIZATION", "").startswith("Bearer "):
            start("204 No Content", [])
            return Nothing()
        return full(env, start)

    asgi.through_django.wsgi = wsgi
    listener = server.listen("127.0.0.1", 0)
    ready = os.fdopen(int(os.environ["OMOI_READY_FD"]), "w")

    def report() -> None:
        print(listener.getsockname()[1], file=ready, flush=True)
        ready.close()

    server.serve(asgi.application, listener, drain=asgi.drain, drain_s=0, ready=report)


class Nothing(list[bytes]):
    """The body of an empty answer, as Django's responses look to the bridge."""

    streaming = False


def main() -> None:
    asks = argparse.ArgumentParser(prog="python3 manage.py bench cpu", description=__doc__.partition("\n")[0])
    asks.add_argument("--json", action="store_true")
    asks.add_argument("--rounds", type=number, default=5)
    asks.add_argument("--requests", type=number, default=200, help="of each kind in a round")
    asks.add_argument("--agents", type=number, default=20)
    options = asks.parse_args()
    with temporary_server() as progress:
        from omoi_site.setup import paths  # only now are the settings those of the temporary server

        key, keys = scene(options.agents, (options.rounds + 1) * options.requests * 3)
        data = paths.data_folder(Path(os.environ["OMOI_HOME"]))
        postmaster = int((data / "data" / "postmaster.pid").read_text().split()[0])
        with (
            web_process() as (web, port),
            progress(total=options.rounds + 1, unit="round", desc="cpu") as bar,
        ):
            requests = hot(Caller(port, keys), key)
            found = measure((web, postmaster), requests, options.rounds, options.requests, bar.update)
    shown = ratios(found)
    if options.json:
        print(json.dumps({"rounds": options.rounds, "requests": options.requests, "cpu": shown}))
        return
    print(f"{'CPU of one request':24}{'web us':>10}{'pg us':>10}{'to empty':>10}")
    for name, each in shown.items():
        print(f"{name:24}{each['web_us']:10}{each['postgresql_us']:10}{each['ratio_to_empty']:10}")


def scene(agents: int, ready: int) -> tuple[str, list[str]]:
    """A project with tickets and ready tasks: its key, and the keys of its agents."""
    from agents.models import Agent, AgentSpec, Key, Project, ProjectSpec
    from bench.claim import backlog
    from tickets.models import Ticket, TicketSpec

    project = Project.objects.create_project(ProjectSpec("CPU", workflow="simple"), by="system:bench")
    tickets = [
        Ticket.objects.open(project, TicketSpec(f"Ticket {n}"), by="system:bench") for n in range(LIST)
    ]
    with Ticket.objects.locked(pk=tickets[0].pk) as locked:
        locked.advance(by="system:bench")
    backlog(tickets[0], ready, 3)
    skills = [f"skill-{n}" for n in range(3)]
    made = [
        Agent.objects.register(
            AgentSpec(f"runner-{n}", capabilities=skills, capacity=1000),
            projects=[project],
            by="system:bench",
        )
        for n in range(agents)
    ]
    return project.key, [Key.objects.issue(by="system:bench", agent=agent)[1] for agent in made]


def number(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"a whole number above 0, not {text!r}")
    return int(text)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main()
