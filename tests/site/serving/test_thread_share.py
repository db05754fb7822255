"""Callers that can wait share some of the request threads: none is refused, and requests keep the others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from omoi_site.serving import thread_share
from omoi_site.serving.request_threads import Busy, Threads
from omoi_site.serving.thread_share import ThreadShare

MANY = 200


@pytest.fixture
def threads():
    threads = Threads(4, waiting=8)
    threads.start()
    yield threads
    threads.stop()


def test_many_at_one_instant_wait_for_their_turn_and_leave_threads_to_requests(threads):
    most, order = [0], []

    def call(number):
        most[0] = max(most[0], threads.busy)
        order.append(number)
        return number

    async def act():
        share = ThreadShare(threads, 1)
        return await asyncio.gather(*(share.run(call, number) for number in range(MANY)))

    assert asyncio.run(act()) == order == [*range(MANY)]
    assert most[0] <= 2  # the next one may begin while the answer of the last one is on its way


def test_they_wait_while_requests_occupy_every_thread(threads):
    gate = threading.Event()

    async def act():
        requests = [threads.run(gate.wait) for _ in range(threads.room)]
        waiting = asyncio.ensure_future(ThreadShare(threads, 1).run(lambda: "done"))
        with pytest.raises(Busy):
            threads.run(gate.wait)
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        await asyncio.gather(*requests)
        return await waiting

    assert asyncio.run(act()) == "done"


def test_what_waits_is_limited_in_number_and_in_time(threads, monkeypatch):
    gate = threading.Event()

    async def act():
        share = ThreadShare(threads, 1, waiting=1)
        running = asyncio.ensure_future(share.run(gate.wait))
        waiting = asyncio.ensure_future(share.run(gate.wait))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await share.run(gate.wait)
        monkeypatch.setattr(thread_share, "PATIENCE_S", 0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        with pytest.raises(Busy):
            await share.run(gate.wait)
        gate.set()
        assert await running
        assert share.busy == 0

    asyncio.run(act())


def test_an_error_of_the_call_is_its_answer_and_frees_the_turn(threads):
    def fail():
        raise TimeoutError("mine")

    async def act():
        share = ThreadShare(threads, 1)
        with pytest.raises(TimeoutError, match="mine"):
            await share.run(fail)
        return await share.run(lambda: "next"), share.busy

    assert asyncio.run(act()) == ("next", 0)
