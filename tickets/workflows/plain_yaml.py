"""YAML as people write it and JSON can hold it: no aliases, no dates, no NaN, no character that no text can
keep.
"""

from __future__ import annotations

import json
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


def load(text: str | bytes) -> Any:
    """The document in `text`; raises ValueError saying what is wrong."""
    if len(text) > LONGEST:
        raise ValueError(f"YAML of more than {LONGEST >> 10} KiB is not read: write it shorter, or as JSON")
    try:
        told = json.dumps(yaml.load(text, PlainLoader), allow_nan=False, ensure_ascii=False)
        told.encode()
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not readable as YAML: {error}") from error
    if "\\u0000" in told:
        raise ValueError("it holds a NUL character, which no text can keep")
    return json.loads(told)
