"""A real browser on a real web process: pages as people have them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.support import ROOT
from tests.support.external import unavailable
from tests.support.shared import shared
from tests.support.web_process import Web

AXE = (ROOT / "tests" / "vendor" / "axe-4.14.1.min.js").read_text()
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # rules of axe
TRAILING_DOTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  const place = (text, at) => {
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    return range.getBoundingClientRect();
  };
  const nextPlace = (number, at) => {
    for (const text of texts.slice(number)) {
      const from = text === texts[number] ? at + 1 : 0;
      const visible = text.data.slice(from).search(/\\S/);
      if (visible >= 0 && place(text, from + visible).width) return place(text, from + visible);
    }
  };
  return texts.flatMap((text, number) => [...text.data.matchAll(/·/g)].filter(({index}) => {
    const dot = place(text, index), next = nextPlace(number, index);
    return dot.width && next && next.top > dot.bottom - 2;
  }).map(() => text.parentElement.textContent.trim()));
}"""  # texts with a dot between two parts that ends a line
TRANSITIONS_END = """() => Promise.all(
  document.getAnimations()
    .filter(each => each.effect.getComputedTiming().endTime < Infinity)
    .map(each => each.finished.catch(() => {}))
)"""
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
    " --no-first-run"
)
WIDE, PHONE = (1440, 1000), (390, 844)
# Pages in every look, with `--full`; the quick suite looks at the board and at a ticket's page.
BOTH = "both"  # themes: each page is light, and is looked at in the other theme where it stands
every_look = pytest.mark.parametrize(
    ("theme", "size"),
    [
        pytest.param(BOTH, PHONE, id="phone", marks=pytest.mark.full),
        pytest.param(BOTH, WIDE, id="wide", marks=pytest.mark.full),
    ],
)
OVERVIEW = re.compile(r"//[^/]+/$")  # its address, to which signing in leads
WAIT_MS = 10_000  # how long a page may take to show what it must


def program() -> str | None:
    return next(
        (
            path
            for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
            if Path(path).exists()
        ),
        None,
    )


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Debian's, driven by playwright."""
    found = program()
    if found is None:
        unavailable("chromium", "there is no chromium: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)

    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "DJANGO_ALLOW_ASYNC_UNSAFE", "1"
        )  # playwright runs a loop in this thread; the ORM is called between its turns
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS.split())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One for the tests of a file, and of the next if they want one too."""
    yield from shared(request, chromium, lambda browser: browser.is_connected())


class Window:
    """A page of somebody signed in, and everything it complained of or asked elsewhere."""

    def __init__(
        self, browser: Any, web: Web, user: Any, *, size: tuple[int, int] = WIDE, theme: str = "light"
    ) -> None:
        self.web, self.theme = web, theme
        self.shown_in = "light" if theme == BOTH else theme
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=self.shown_in,
            has_touch=size == PHONE,
        )
        self.context.set_default_timeout(WAIT_MS)
        if user:
            client = Client()
            client.force_login(user)
            self.context.add_cookies(
                [
                    {
                        "name": "sessionid",
                        "value": client.cookies["sessionid"].value,
                        "url": f"http://{web.host}",
                    }
                ]
            )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: self.note(asked.url))

    def hear(self, said: Any) -> None:
        if (
            said.type in ("error", "warning") and said.location["url"]
        ):  # without an address it is what a test put in: axe
            self.complaints.append(f"{said.text} ({said.location['url']})")

    def note(self, url: str) -> None:
        if self.web.host not in url and not url.startswith("data:"):
            self.elsewhere.append(url)

    def go(self, path: str) -> Any:
        self.page.goto(f"http://{self.web.host}{path}")
        return self.page

    def live(self, path: str) -> Any:
        """Go there and wait until the page hears its topics."""
        self.go(path)
        self.page.wait_for_selector("#live[data-state=live]")
        return self.page

    @property
    def width(self) -> int:
        return self.page.evaluate("document.documentElement.scrollWidth")

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def trailing_dots(self) -> list[str]:
        return self.page.evaluate(TRAILING_DOTS)

    def faults(self, *, turned: bool = True) -> list[str]:
        """What axe finds, by rule and element. turned: in the other theme too, if the window has both.

        Only the colours differ there. The page stays in it.
        """
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self._violations({"rules": {"target-size": {"enabled": True}}})
        if turned and self.theme == BOTH:
            self._turn()
            found += self._violations({"runOnly": OF_COLOURS})
        return found

    def _violations(self, options: dict[str, Any]) -> list[str]:
        found = self.page.evaluate(
            "options => axe.run(options).then(result => result.violations)",
            {**options, "resultTypes": ["violations"]},
        )
        return [
            f"{fault['id']} ({self.shown_in}): {node['target']} {node['failureSummary']}"
            for fault in found
            for node in fault["nodes"]
        ]

    def _turn(self) -> None:
        """Show the page in the other theme."""
        self.shown_in = "dark" if self.shown_in == "light" else "light"
        self.page.emulate_media(color_scheme=self.shown_in)
        self.page.evaluate(TRANSITIONS_END)

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def window(browser: Any, web: Web, operator: Any) -> Iterator[Any]:
    """Makes windows of the operator (or of `user`), and closes them."""
    made = []

    def open_window(user: Any = operator, **options: Any) -> Window:
        made.append(Window(browser, web, user, **options))
        return made[-1]

    yield open_window
    for one in made:
        one.close()
