"""Messages for faults of a workflow document: where the fault is, what is there, and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from omoi_site.field_limits import shown_fault
from tickets.workflows.schema import LATER

SHORT = 60  # quoted characters of a value
SIMILAR = 0.7  # of 1: the names of most phases are less alike
TYPES = {
    "array": "a list",
    "object": "a mapping of names to values",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
ARTICLES = {list: "a list", dict: "a mapping", str: "a text", bool: "true or false", type(None): "nothing"}
# What each pattern of the schema allows.
PATTERNS = {
    r"^[a-z][a-z0-9_]{0,62}$": "small letters, digits and _, first a letter, such as software_delivery",
    r"^[A-Z][A-Z0-9_]{0,59}$": "capital letters, digits and _, first a letter, such as IN_REVIEW",
    r"^[A-Za-z][A-Za-z0-9_-]{0,59}$": "letters, digits, _ and -, first a letter, such as code_review",
    r"^[a-z][a-z0-9_]{0,99}$": "small letters, digits and _, first a letter, such as test_results",
    r"^[a-z][a-z0-9_]{0,59}$": "small letters, digits and _, first a letter, such as security_issue",
}
PARTS = {"phases": "phase", "tasks": "task", "gate": "check", "effects": "effect"}


def place(document: Any, path: Sequence[Any]) -> str:
    """The part at this path, in words: `task 2 of phase DESIGN`, `to of phase DESIGN`."""
    names: list[str] = []
    node, above = document, ""
    for step in path:
        node = _inside(node, step)
        if isinstance(step, int):
            noun = PARTS.get(above, "")
            name = node.get("name") if noun == "phase" and isinstance(node, dict) else None
            item = f"{noun or 'entry'} {name if isinstance(name, str) else step + 1}"
            names[len(names) - bool(noun) :] = [item]
        else:
            names.append(f"`{step}`")
        above = str(step)
    return " of ".join(reversed(names)) or "the document"


def sentence(error: Any, document: Any, path: Sequence[Any]) -> str:
    """The sentence for a jsonschema error at this path of the document."""
    where, value, wanted = place(document, path), error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in wanted if name not in value]
            return f"{where} lacks {_listed(missing)}"
        case "type":
            plain = wanted == "string" and isinstance(value, bool | int | float | None)
            hint = "; write it in quotes" if plain else ""
            types = [wanted] if isinstance(wanted, str) else wanted
            kinds = " or ".join(TYPES.get(kind, kind) for kind in types)
            return f"{where} must be {kinds}, but is {_quoted(value)}{hint}"
        case "pattern":
            return f"{where} is {_quoted(value)}; it must be {PATTERNS.get(wanted, f'like {wanted}')}"
        case "enum":
            hint = did_you_mean(str(value), map(str, wanted))
            return f"{where} is {_quoted(value)}; it must be one of {', '.join(map(str, wanted))}{hint}"
        case "not":
            return f"{where} is {_quoted(value)}, which every workflow has anyway; remove it"
        case "minItems" | "minLength":
            return f"{where} must have at least {_counted(wanted, value)}, but has {len(value)}"
        case "maxItems" | "maxLength":
            return f"{where} may have at most {_counted(wanted, value)}, but has {len(value)}"
        case "minimum":
            return f"{where} is {value}, but must be at least {wanted}"
        case "maximum":
            return f"{where} is {value}, but must be at most {wanted}"
        case "oneOf":
            names = [name for way in wanted for name in way["required"]]
            return f"{where} must have exactly one of {_listed(names)}"
        case "anyOf":
            names = [name for way in wanted for name in way["required"]]
            return f"{where} must have at least one of {_listed(names)}"
        case "uniqueItems":
            return f"{where} has an entry twice"
    return f"{where}: {error.message}"


def unknown_key(key: str, properties: Mapping[str, Any], where: str) -> str:
    """The sentence for a key that is not one of these properties of the schema."""
    if key in LATER:
        return f"`{key}` of {where} is not available yet"
    allowed = sorted(properties)
    hint = did_you_mean(key, allowed) or f"; allowed: {_listed(allowed) or 'nothing'}"
    return f"{where} has `{key}`, which is not allowed there{hint}"


def later_effect(value: Any) -> str:
    """The name of an effect that is not available yet, written alone or with parameters; else empty."""
    name = next(iter(value), "") if isinstance(value, dict) else value
    return name if isinstance(name, str) and name in LATER else ""


def did_you_mean(word: str, there: Iterable[str]) -> str:
    """`; did you mean TESTING?` if one of these is similar, else empty."""
    close = nearest(word, there)
    return f"; did you mean {close}?" if close else ""


def nearest(word: str, there: Iterable[str]) -> str:
    """The one of these that is the word or is similar to it, else empty."""
    if word in (there := list(there)):
        return word
    if len(word) > SHORT:
        return ""
    by_fold = {name.lower(): name for name in there}
    fold = word.lower()
    # only one is compared in full, because that takes long
    best = max(by_fold, key=lambda name: _shared_ends(fold, name), default="")
    return by_fold[best] if best and SequenceMatcher(None, fold, best).ratio() >= SIMILAR else ""


def visible(text: str) -> str:
    """The text with each character that cannot be seen, or looks like a blank, written as <U+200B>."""
    return "".join(
        f"<U+{ord(letter):04X}>" if shown_fault(letter) or (letter.isspace() and letter != " ") else letter
        for letter in text
    )


def _shared_ends(one: str, other: str) -> int:
    """How many letters both begin with, and how many both end with."""
    least = min(len(one), len(other))
    before = after = 0
    while before < least and one[before] == other[before]:
        before += 1
    while after < least - before and one[-1 - after] == other[-1 - after]:
        after += 1
    return before + after


def _inside(node: Any, step: Any) -> Any:
    try:
        return node[step]
    except (LookupError, TypeError):
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _quoted(value: Any) -> str:
    text = ARTICLES.get(type(value), "") if isinstance(value, list | dict | None) else json.dumps(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def _counted(number: int, value: Any) -> str:
    noun = "character" if isinstance(value, str) else "entry"
    return f"{number} {noun if number == 1 else {'character': 'characters', 'entry': 'entries'}[noun]}"
