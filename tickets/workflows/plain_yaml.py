"""YAML limited to what JSON can hold: no aliases, dates or NaN, and no characters that cannot be stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

LONGEST = 256 << 10  # parsing takes a second of CPU for each 100 KiB


class PlainLoader(yaml.SafeLoader):
    """Refuses aliases, with which a small text can become a huge document, and reads dates as text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases (*) are not allowed, line {self.peek_event().start_mark.line + 1}")
        return super().compose_node(parent, index)


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Lines:
    """The line numbers of the parts of a YAML text that `load` has accepted."""

    def __init__(self, text: str | bytes) -> None:
        self.root = yaml.compose(text, PlainLoader)

    def of(self, path: Sequence[Any]) -> int:
        """The line of the key or item at this path, or of the last part of the path that exists."""
        node, line = self.root, self.root.start_mark.line if self.root else 0
        for step in path:
            match node:
                case yaml.MappingNode():
                    pair = next((pair for pair in node.value if pair[0].value == str(step)), None)
                    if pair is None:
                        break
                    line, node = pair[0].start_mark.line, pair[1]
                case yaml.SequenceNode() if isinstance(step, int) and step < len(node.value):
                    node = node.value[step]
                    line = node.start_mark.line
                case _:
                    break
        return line + 1


def load(text: str | bytes) -> Any:
    """The document in `text`. Raises ValueError, which says what is wrong."""
    if len(text) > LONGEST:
        raise ValueError(f"a YAML text may have at most {LONGEST >> 10} KiB. Shorten it, or write it as JSON")
    try:
        document = json.dumps(yaml.load(text, PlainLoader), allow_nan=False, ensure_ascii=False)
        document.encode()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"not valid YAML: {line}{error.problem or error.context}") from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not valid YAML: {error}") from error
    if "\\u0000" in document:
        raise ValueError("it contains a NUL character, which cannot be stored")
    return json.loads(document)
