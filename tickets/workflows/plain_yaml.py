"""YAML limited to what JSON can hold: no aliases, dates or NaN, and no characters that cannot be stored.

What a text can cost is bounded before the work is done: its length, then how many values it has and how
deep, then the length of its numbers.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import Reader

LONGEST = 256 << 10  # bytes or characters
VALUES = 10_000  # keys, items and texts: each takes time to check
DEPTH = 32  # levels, as in JSON
TOO_DEEP = f"nested deeper than {DEPTH} levels"
TOO_DEEP_FOR_LIBYAML = "exceeded maximum nesting depth"
DIGITS = 40  # characters of a number: without a limit, some texts take seconds to become one
TAG = "tag:yaml.org,2002:"
PLAIN = ("null", "bool", "int", "float", "str", "seq", "map")
Path = tuple[str | int, ...]


class PlainLoader(yaml.CSafeLoader):
    """Reads dates and `<<` as text. `expect_small` has refused aliases, and what is too deep for it."""

    def construct_plain(self, node: Any) -> Any:
        """The value of a scalar. Raises MarkedYAMLError when there is none, or it cannot be stored."""
        *_, kind = node.tag.rpartition(":")
        if kind in ("int", "float") and len(node.value) > DIGITS:
            raise _wrong(f"a number may have at most {DIGITS} characters", node)
        try:
            value = yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, LookupError, ArithmeticError) as error:
            raise _wrong(f"{json.dumps(node.value[:DIGITS])} cannot be read as {kind}", node) from error
        if isinstance(value, float) and not math.isfinite(value):
            raise _wrong("a number must be finite", node)
        if isinstance(value, str) and (wrong := _unstorable(value)):
            raise _wrong(f"the text contains {wrong}, which cannot be stored", node)
        return value


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.removeprefix(TAG) in PLAIN]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.yaml_constructors = {
    **{f"{TAG}{kind}": yaml.SafeLoader.yaml_constructors[f"{TAG}{kind}"] for kind in ("seq", "map")},
    **{f"{TAG}{kind}": PlainLoader.construct_plain for kind in PLAIN[:5]},
    None: yaml.SafeLoader.yaml_constructors[None],  # refuses every other tag
}


class Unreadable(ValueError):
    """The text is no plain document. `line` is where, 0 if that is nowhere in particular."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Parsed:
    """A document, and where its parts stand in the text."""

    document: Any
    root: yaml.Node | None
    text: str = ""

    def line_of(self, path: Sequence[Any]) -> int:
        """The line of the key or item at this path, or of the last part of the path that exists."""
        node, line = self.root, self.root.start_mark.line if self.root else 0
        for step in path:
            match node:
                case yaml.MappingNode():
                    found = [pair for pair in node.value if pair[0].value == str(step)]
                    if not found:
                        break
                    line, node = found[-1][0].start_mark.line, found[-1][1]  # the last one counts
                case yaml.SequenceNode() if isinstance(step, int) and step < len(node.value):
                    node = node.value[step]
                    line = node.start_mark.line
                case _:
                    break
        return line + 1

    def repeated_keys(self) -> Iterator[tuple[Path, str, list[int]]]:
        """Each key that a mapping has more than once: the path of the mapping, the key, its lines."""
        todo: list[tuple[Path, Any]] = [((), self.root)]
        while todo:
            path, node = todo.pop()
            if isinstance(node, yaml.SequenceNode):
                todo.extend(((*path, index), item) for index, item in enumerate(node.value))
            elif isinstance(node, yaml.MappingNode):
                lines = defaultdict(list)
                for key, value in node.value:
                    lines[key.value].append(key.start_mark.line + 1)
                    todo.append(((*path, key.value), value))
                yield from ((path, key, found) for key, found in lines.items() if len(found) > 1)


def parse(text: str | bytes) -> Parsed:
    """The document in `text`. Raises Unreadable, which says what is wrong and where."""
    if len(text) > LONGEST:
        raise Unreadable(f"a YAML text may have at most {LONGEST >> 10} KiB: shorten it")
    text = _decoded(text)
    try:
        expect_small(text)
        loader = PlainLoader(text)
        root = loader.get_single_node()
        document = loader.construct_document(root) if root else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        where = f"line {line}: " if line else ""
        problem = TOO_DEEP if error.problem == TOO_DEEP_FOR_LIBYAML else error.problem or error.context
        raise Unreadable(f"not valid YAML: {where}{problem}", line) from error
    # keys become texts
    return Parsed(json.loads(json.dumps(document)), root, text.replace("\r\n", "\n"))


def expect_small(text: str) -> None:
    """Refuse aliases, with which a small text can become a huge document, and texts with too many values or
    levels. It stops there: what follows is not read.
    """
    depth = values = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _wrong("aliases (*) are not allowed: repeat the text instead", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        values += isinstance(event, yaml.NodeEvent)
        if depth > DEPTH:
            raise _wrong(TOO_DEEP, event)
        if values > VALUES:
            raise _wrong(f"more than {VALUES} values: shorten the document", event)


def expect_few_values(document: Any) -> None:
    """The same limit for a document that was not read from YAML."""
    todo, values = [document], 0
    while todo:
        part = todo.pop()
        values += 2 * len(part) if isinstance(part, dict) else len(part) if isinstance(part, list) else 0
        if values > VALUES:
            raise Unreadable(f"more than {VALUES} values: shorten the document")
        todo.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            byte = error.object[error.start]
            raise Unreadable(
                f"line {line}: byte 0x{byte:02X} is not UTF-8: save the document as UTF-8", line
            ) from error
    if wrong := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, wrong.start()) + 1
        raise Unreadable(f"line {line}: character U+{ord(wrong[0]):04X} is not allowed: remove it", line)
    return text


def _unstorable(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    return "half a surrogate pair" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""


def _wrong(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)
