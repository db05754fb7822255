"""A page behind a slow line that loses answers: latency is Chromium's own, and an answer is lost in the page
once it has come.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

LINES = [200, pytest.param(1000, marks=pytest.mark.campaign)]  # ms
SLOW_MS = 20_000  # what a page may take behind one
NEVER = 1_000_000
# `most` is the most requests in flight at once. The server has carried out a request whose answer is lost.
LINE = """(() => {
    const real = window.fetch;
    const line = window.line = {now: 0, most: 0, asked: 0, lost: 0, begun: [], lose: () => false};
    window.fetch = async (address, options = {}) => {
        const post = options.method === 'POST', number = line.asked++;
        if (!post) line.begun.push(Date.now());
        line.now += 1;
        line.most = Math.max(line.most, line.now);
        try {
            const answer = await real(address, options);
            await answer.clone().text();
            if (line.lose(number, post)) {
                line.lost += 1;
                throw new TypeError('the answer was lost');
            }
            return answer;
        } finally {
            line.now -= 1;
        }
    };
})()"""


class SlowLine:
    """Put between a window and its server, before it goes anywhere.

    `latency` in ms; of `every` answers one is lost, the `first` after so many.
    """

    def __init__(self, window: Any, *, latency: int, every: int = 50, first: int = 2) -> None:
        self.page = window.page
        self.page.add_init_script(LINE)
        self.page.add_init_script(f"line.lose = (number) => number % {every} === {first}")
        devtools = window.context.new_cdp_session(self.page)
        devtools.send("Network.enable")
        conditions = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
        devtools.send("Network.emulateNetworkConditions", conditions)

    def lose_acts(self, lost: bool) -> None:
        self.page.evaluate("lost => { line.lose = (number, post) => lost && post }", lost)

    @property
    def most(self) -> int:
        return self.page.evaluate("line.most")

    def fetches_since(self, moment: float) -> int:
        """How many were begun after it, those whose answer was lost not counted."""
        begun = self.page.evaluate("moment => line.begun.filter(at => at > moment).length", moment * 1000)
        return begun - self.page.evaluate("line.lost")

    def quiet(self) -> bool:
        return self.page.evaluate("live.parts.every((part) => part.quiet)")


def behind(window: Any, latency: int) -> tuple[Any, SlowLine]:
    """The window behind a line that is slow and loses only what it is told to."""
    return window, SlowLine(window, latency=latency, first=NEVER, every=NEVER + 1)


def now() -> float:
    return time.time()
