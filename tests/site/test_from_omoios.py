"""The page for people who come from OmoiOS: every row has an answer, and what it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator

from agents.models.event_kinds import declared
from tests.support import ROOT

PAGE = (ROOT / "docs/from-omoios.md").read_text()
APPS = ("omoi_site", "agents", "tickets", "collaboration")
API = "/api/v1"
ROWS = {"Routes": 40, "Events": 19, "What its requirements ask for": 42}  # what OmoiOS has, or asks for
HEAD = ["OmoiOS", "Omoi", "with"]

CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\([^)]+\)")
ROUTE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/[^?]*)(?:\?(.*))?")
COMMAND = re.compile(r"manage\.py ([\w-]+)(?: ([a-z-]+))?.*")
KIND = re.compile(r"[a-z]+(?:\.[a-z_]+)+")
LEFT_OUT = re.compile(r"\*(Not yet|No)\*: \w+")  # what a row with the answer `partly` lacks
FEWEST_WORDS = 4


@dataclass(frozen=True)
class Row:
    """A line of a table whose columns are `HEAD`."""

    part: str
    theirs: str
    answer: str
    ours: str


def read(page: str) -> tuple[list[Row], str]:
    """The rows with an answer, and the text of the page without them."""
    found, others, part, answers = [], [], "", False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        answers = line.startswith("|") and (answers or cells == HEAD)
        if line.startswith("## "):
            part = line.removeprefix("## ")
        if answers and cells != HEAD and set(line) - set("|- "):
            found.append(Row(part, *(cells if len(cells) == len(HEAD) else [line, "", ""])))
        else:
            others.append(line)
    return found, "\n".join(others)


@dataclass(frozen=True)
class Product:
    """What the code has."""

    routes: dict[str, set[str]]  # the parameters of its query, by method and path
    addresses: set[str]
    commands: dict[str, str]  # its help, by name
    kinds: set[str]

    def has(self, name: str) -> bool | None:
        """Whether there is such a route, address, command or kind of event; None if it looks like none."""
        if route := ROUTE.fullmatch(name):
            method, path, query = route.groups()
            parameters = self.routes.get(f"{method} {API}{path}")
            asked = {part.partition("=")[0] for part in (query or "").split("&") if part}
            return parameters is not None and asked <= parameters
        if name.startswith("/"):
            return name.rstrip("/") in self.addresses
        if command := COMMAND.fullmatch(name):
            help_text = self.commands.get(command[1])
            return help_text is not None and (command[2] or "") in help_text
        return name in self.kinds if KIND.fullmatch(name) else None


def faults(page: str, product: Product) -> list[str]:
    """What the page names that is not there, rows without an answer, and rows that are missing."""
    answered, others = read(page)
    texts = [others, *(row.ours for row in answered)]
    found = [
        f"not there: {name}" for text in texts for name in CODE.findall(text) if product.has(name) is False
    ]
    found += [f"no answer: {row.theirs}" for row in answered if not is_answer(row, product)]
    counts = {part: sum(row.part == part for row in answered) for part in ROWS}
    found += [f"{part}: {count} rows" for part, count in counts.items() if count != ROWS[part]]
    return found


def is_answer(row: Row, product: Product) -> bool:
    """Whether the row says what there is, what will come, or why not."""
    if not row.theirs:
        return False
    names_something = any(map(product.has, CODE.findall(row.ours))) or LINK.search(row.ours)
    if row.answer in ("yes", "partly"):
        return bool(names_something) and bool(LEFT_OUT.search(row.ours)) == (row.answer == "partly")
    return row.answer in ("*not yet*", "no") and len(row.ours.split()) >= FEWEST_WORDS


@pytest.fixture(scope="module")
def product() -> Product:
    document = SchemaGenerator().get_schema(request=None, public=True)
    routes = {
        f"{method.upper()} {path}": {
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    commands = {
        name: load_command_class(app, name).create_parser("manage.py", name).format_help()
        for name, app in get_commands().items()
        if app in APPS
    }
    of_django = {address.rstrip("/") for address in addresses(get_resolver().url_patterns)}
    return Product(routes, of_django | addresses_before_django(), commands, set(declared()))


def addresses(patterns: Any, before: str = "/") -> Iterator[str]:
    for pattern in patterns:
        here = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        yield here
        yield from addresses(getattr(pattern, "url_patterns", []), here)


def addresses_before_django() -> set[str]:
    """What `omoi_site/asgi.py` answers itself: two addresses of health, and the live socket."""
    code = (ROOT / "omoi_site/asgi.py").read_text()
    sockets = {f"/{address}" for address in re.findall(r'path\("(ws/\w+)/"', code)}
    return sockets | set(re.findall(r'address == "(/\w+)"', code))


def test_the_page_is_true_and_answers_everything(product):
    assert not faults(PAGE, product)


ASKED = "| Agent states |"
WRONG = {
    "a route that is not there": f"{ASKED} yes | `POST /agents/{{name}}/revival` |",
    "a method that is not there": f"{ASKED} yes | `DELETE /agents/{{name}}` |",
    "a parameter that is not there": f"{ASKED} yes | `GET /agents?mood` |",
    "a page that is not there": f"{ASKED} yes | `/moods/` |",
    "a kind that is not there": f"{ASKED} yes | `agent.revived` |",
    "a command that is not there": f"{ASKED} yes | `manage.py revive` |",
    "a verb that its command lacks": f"{ASKED} yes | `manage.py agents revive` |",
    "a row that names nothing": f"{ASKED} yes | All of it, and more. |",
    "a row that does not say what is missing": f"{ASKED} partly | `GET /agents` |",
    "a whole answer that lacks something": f"{ASKED} yes | `GET /agents`. *Not yet*: their moods |",
    "a plan without words": f"{ASKED} *not yet* | |",
    "a refusal without a reason": f"{ASKED} no | |",
    "an answer of another kind": f"{ASKED} soon | `GET /agents` |",
    "no answer": f"{ASKED} |",
    "a cell too many": f"{ASKED} yes | `GET /agents` | |",
    "no row": "",
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_a_page_that_is_not_true_is_found(product, row):
    right = next(line for line in PAGE.splitlines() if line.startswith(ASKED))

    assert faults(PAGE.replace(f"{right}\n", f"{row}\n" if row else ""), product)


@pytest.mark.parametrize("name", ["GET /agents/{name}/mood", "/moods/", "agent.revived", "manage.py revive"])
def test_what_is_not_there_is_found_outside_of_rows_too(product, name):
    assert faults(f"{PAGE}\nBeside `{name}`.\n", product) == [f"not there: {name}"]
