"""Long polls: no client is forgotten, and a ring does not call all of them."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from omoi_site.serving import long_polls as lines
from omoi_site.serving.long_polls import AT_ONCE, LongPolls
from omoi_site.serving.request_threads import Threads
from omoi_site.serving.wsgi_bridge import Bridge
from omoi_site.serving.wsgi_call import LOOKS

MANY = 50


class House:
    """A bridge over a view that grants what lies in `tasks`, and clients that wait in its queue."""

    def __init__(self, threads: Threads) -> None:
        self.tasks: list[str] = []
        self.looks: list[int] = []
        self.refused: set[str] = set()
        self.held = threading.Event()
        self.held.set()
        self.threads = threads
        self.long_polls = LongPolls()
        self.bridge = Bridge(self.view, threads, long_polls=self.long_polls)

    def view(self, env, start):
        who = env["PATH_INFO"].strip("/")
        if who == "hold":
            self.held.wait(10)
        self.looks.append(env[LOOKS])
        if who in self.refused:
            start("401 Unauthorized", [])
            return [b""]
        try:
            task = self.tasks.pop()
        except IndexError:
            topic = "pay" if who.startswith("pay") else "work"
            start("204 No Content", [("X-Wait", f"{topic}#same agent:{who} 30")])
            return [b""]
        start("200 OK", [])
        return [task.encode()]

    def come(self, name: str = "ada") -> Client:
        return Client(self, name)

    async def wait(self, count: int) -> None:
        """Until so many wait and nobody looks."""
        await until(
            lambda: self.long_polls.waiting == count and not self.long_polls.looking and not self.threads.busy
        )
        self.looks.clear()


class Client:
    def __init__(self, house: House, name: str) -> None:
        self.left = asyncio.Event()
        self.sent: list[dict] = []
        self.body = [{"type": "http.request", "body": b"", "more_body": False}]
        scope = {
            "method": "POST",
            "path": f"/{name}",
            "raw_path": f"/{name}".encode(),
            "query_string": b"",
            "http_version": "1.1",
            "headers": [],
        }
        self.served = asyncio.ensure_future(house.bridge(scope, self.receive, self.send))

    async def receive(self):
        if self.body:
            return self.body.pop()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"] if self.served.done() and self.sent else None


async def until(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


@pytest.fixture
def play(monkeypatch):
    """Run a scenario with threads of its own and room in line for them. Nobody looks without a wake-up."""
    monkeypatch.setattr(lines, "LOOK_AFTER_S", (60, 60))

    def play(scenario, count=2, room=200):
        async def whole():
            threads = Threads(count, waiting=room)
            threads.start()
            try:
                await asyncio.wait_for(scenario(House(threads)), 30)
            finally:
                threads.stop()

        asyncio.run(whole())

    return play


def test_one_task_makes_few_look_and_one_go(play):
    async def scenario(house):
        clients = [house.come() for _ in range(MANY)]
        await house.wait(MANY)
        house.tasks.append("one")
        house.long_polls.ring(["work"])

        await until(lambda: any(client.status for client in clients))
        await until(lambda: house.long_polls.waiting == MANY - 1 and not house.long_polls.looking)
        assert [client.status for client in clients].count(200) == 1
        assert len(house.looks) <= AT_ONCE + 2  # who was granted calls the next at each of its queues

    play(scenario)


def test_as_many_tasks_as_clients_take_one_ring(play):
    async def scenario(house):
        clients = [house.come() for _ in range(MANY)]
        await house.wait(MANY)
        house.tasks += map(str, range(MANY))
        house.long_polls.ring(["work"])

        await until(lambda: all(client.status == 200 for client in clients))
        assert len(house.looks) == MANY

    play(scenario)


def test_never_more_than_a_few_look_whatever_rings(play):
    async def scenario(house):
        for number in range(MANY):
            house.come(f"agent-{number}")
        await house.wait(MANY)
        most = 0
        house.long_polls.ring(None)
        while house.long_polls.due or house.long_polls.looking:
            most = max(most, house.long_polls.looking, house.threads.busy)
            await asyncio.sleep(0)
        assert 0 < most <= AT_ONCE

    play(scenario)


def test_a_ring_while_the_view_looks_is_not_lost(play):
    async def scenario(house):
        house.held.clear()
        client = house.come("hold")
        await until(lambda: house.threads.busy == 1)
        house.long_polls.ring(["work"])
        house.held.set()
        await until(lambda: house.looks == [0, 1])
        assert client.status is None

    play(scenario)


def test_only_its_own_bell_calls(play):
    async def scenario(house):
        house.come("ada"), house.come("bob")
        await house.wait(2)
        house.long_polls.ring(["agent:cas", "work:PAY"])
        assert not house.long_polls.due
        assert not house.long_polls.looking
        house.long_polls.ring(["agent:bob"])
        await until(lambda: house.looks == [1])

    play(scenario)


def test_who_left_before_the_call_is_not_asked_and_the_next_is(play):
    async def scenario(house):
        clients = [house.come() for _ in range(AT_ONCE + 1)]
        await house.wait(AT_ONCE + 1)
        house.tasks.append("one")
        for client in clients[:AT_ONCE]:
            client.left.set()
        house.long_polls.ring(["work"])  # before the loop has heard that they left

        await until(lambda: clients[AT_ONCE].status == 200)
        assert house.looks == [1]
        assert not any(client.sent for client in clients[:AT_ONCE])

    play(scenario)


def test_who_leaves_while_its_look_is_in_line_is_granted_nothing(play):
    async def scenario(house):
        waiting = house.come()
        await house.wait(1)
        house.held.clear()
        house.come("hold")
        await until(lambda: house.threads.busy == 1)
        house.tasks.append("one")
        house.long_polls.ring(["work"])
        await until(lambda: house.threads.busy == 2)
        waiting.left.set()
        await until(lambda: waiting.served.done())
        house.held.set()
        await until(lambda: not house.threads.busy)
        assert house.looks == [0]  # of the one who held the thread, and got the task
        assert house.tasks == []

    play(scenario, count=1)


def test_who_leaves_after_the_call_leaves_its_turn_to_the_next(play):
    async def scenario(house):
        for _ in range(AT_ONCE):
            house.come("work")
        leaving, staying = house.come("pay-1"), house.come("pay-2")
        await house.wait(AT_ONCE + 2)
        house.held.clear()
        house.come("hold")
        await until(lambda: house.threads.busy == 1)
        house.long_polls.ring(["work"])  # those who look now have to wait for the thread
        house.long_polls.ring(["agent:pay-1"])
        leaving.left.set()
        await until(lambda: leaving.served.done())
        house.held.set()
        await until(lambda: house.looks.count(1) == AT_ONCE + 2)  # who held the thread did not see the ring
        assert staying.status is None

    play(scenario, count=1)


def test_who_is_refused_while_waiting_calls_the_next(play):
    async def scenario(house):
        ada, bob = house.come("ada"), house.come("bob")
        await house.wait(2)
        house.refused.add("ada")
        house.long_polls.ring(["agent:ada"])
        await until(lambda: ada.status == 401)
        await until(lambda: len(house.looks) == 2)  # bob's queue is ada's too
        assert bob.status is None

    play(scenario)


def test_nobody_who_waits_is_refused_because_all_threads_are_taken(play, monkeypatch):
    monkeypatch.setattr("omoi_site.serving.wsgi_bridge.PAUSE_S", 0.02)

    async def scenario(house):
        waiting = house.come()
        await house.wait(1)
        house.held.clear()
        held = house.come("hold")
        await until(lambda: house.threads.busy == 1)
        assert (await refused(house)) == 503
        house.tasks += ["one", "two"]
        house.long_polls.ring(["work"])
        for _ in range(20):  # it is tried, and there is no thread
            await asyncio.sleep(0)
        assert waiting.status is None
        house.held.set()
        await until(lambda: held.status == waiting.status == 200)

    async def refused(house):
        client = house.come("cas")
        await client.served
        return client.status

    play(scenario, count=1, room=0)


@pytest.mark.full
def test_without_a_ring_one_of_a_line_looks_for_all(play, monkeypatch):
    monkeypatch.setattr(lines, "LOOK_AFTER_S", (0.3, 0.35))

    async def scenario(house):
        clients = [house.come() for _ in range(MANY)]
        await house.wait(MANY)
        began = time.monotonic()
        await until(lambda: len(house.looks) >= 4)
        assert time.monotonic() - began > 0.8
        house.tasks.append("one")
        await until(lambda: any(client.status for client in clients), 3)

    play(scenario)


def test_the_end_answers_everyone_at_once(play):
    async def scenario(house):
        clients = [house.come() for _ in range(MANY)]
        await house.wait(MANY)
        house.held.clear()
        house.come("hold")
        await until(lambda: house.threads.busy == 1)
        for _ in range(3):
            house.long_polls.ring(["work"])
        house.long_polls.close()
        await until(lambda: [client.status for client in clients].count(204) == MANY - AT_ONCE, 1)
        house.held.set()  # those who were looking have looked
        await until(lambda: [client.status for client in clients].count(204) == MANY, 1)
        late = house.come()
        await asyncio.wait_for(late.served, 1)
        assert late.status == 204
        assert all(name != b"x-wait" for name, _ in late.sent[0]["headers"])

    play(scenario, count=1)


def test_nothing_is_left_of_those_who_left(play):
    async def scenario(house):
        clients = [house.come(f"agent-{number}") for number in range(5)]
        await house.wait(5)
        for client in clients:
            client.left.set()
        await house.wait(0)
        assert (house.long_polls.queues, house.long_polls.keys_of_topic, list(house.long_polls.due)) == (
            {},
            {},
            [],
        )
        assert not any(client.sent for client in clients)

    play(scenario)


def test_rings_of_many_topics_are_forgotten_but_missed_by_nobody(monkeypatch):
    monkeypatch.setattr(lines, "REMEMBERED", 10)

    async def act():
        polls, gone = LongPolls(), asyncio.get_running_loop().create_future()
        until = asyncio.get_running_loop().time() + 0.01
        polls.ring(["work"])
        seen = polls.number  # a client looks now, and the next ring is news to it
        polls.ring(["work"])
        for number in range(30):
            polls.ring([f"agent:{number}"])
            assert len(polls.rung) <= 10
        assert await polls.turn(["work#same"], seen, until, gone)
        polls.looked(["work#same"], nothing=True)
        assert not await polls.turn(["work#same"], polls.number, until, gone)

    asyncio.run(act())
