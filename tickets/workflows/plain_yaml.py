"""YAML as people write it and JSON can hold it: no aliases, no dates, no NaN, no character that no text can
keep.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

LONGEST = 256 << 10  # reading costs a second of CPU for each 100 KiB


class PlainLoader(yaml.SafeLoader):
    """Without aliases, by which a small text becomes a huge document, and without dates, which are words
    here.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases (*) are not read, line {self.peek_event().start_mark.line + 1}")
        return super().compose_node(parent, index)


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Lines:
    """The lines on which the parts of a YAML text stand; of a text that `load` has read."""

    def __init__(self, text: str | bytes) -> None:
        self.root = yaml.compose(text, PlainLoader)

    def of(self, path: Sequence[Any]) -> int:
        """The line of the key or the item at this path, or of the last part of the path that is there."""
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
    """The document in `text`; raises ValueError saying what is wrong."""
    if len(text) > LONGEST:
        raise ValueError(f"YAML of more than {LONGEST >> 10} KiB is not read: write it shorter, or as JSON")
    try:
        document = json.dumps(yaml.load(text, PlainLoader), allow_nan=False, ensure_ascii=False)
        document.encode()
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"not readable as YAML: {line}{error.problem or error.context}") from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not readable as YAML: {error}") from error
    if "\\u0000" in document:
        raise ValueError("it holds a NUL character, which no text can keep")
    return json.loads(document)
