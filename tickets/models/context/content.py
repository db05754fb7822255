"""The content of a phase's context, from what its tasks reported and what people noted.

{tasks: [{task, key, title, kind, summary, outputs?}], decisions, risks, notes: [{text, from, by, task?}],
artifacts: [{name, type, revision, hash}], summary, omitted?: [{what, count}]}

What agents report may be anything. What has not the expected shape is left out item by item; nothing here
raises.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from omoi_site import field_limits
from omoi_site.errors import short
from omoi_site.redaction import TOO_DEEP, redact, redact_text
from tickets.models.context import fit

Content = dict[str, Any]

KINDS = {"decision": "decisions", "risk": "risks", "note": "notes"}
LISTS = tuple(KINDS.values())
STORED = 512 << 10  # bytes on disk of the results that are read of one phase; of one result half
READ = 1 << 20  # bytes of what these hold, uncompressed
OUTPUTS = 64 << 10  # bytes of one task's outputs that are read
TASKS = 500  # the newest of a phase
ARTIFACTS = 500
TEXT = 2_000  # characters of one text
ITEMS = 500  # of decisions, risks and notes each; and of any list or object in outputs
DEPTH = 8  # levels of outputs
SIZE = 256 << 10  # bytes of one phase's content
SUMMARY = 4_000  # characters of a phase's summary
IN_SUMMARY = 300  # characters that one task, decision or risk has in it
NOTHING = "No completed tasks recorded yet."


def content_of(row: dict[str, Any]) -> Content:
    """The content of a phase, from a row of collect.sql."""
    tasks, omitted = [], []
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    for task in row["tasks"] or []:
        tasks.append(_entry(task))
        for name, texts in _reported(task["context"]).items():
            source = {"from": "task", "by": task["by"], "task": task["key"]}
            lists[name] += [{"text": text, **source} for text in texts]
    for name, items in notes_of(row).items():
        lists[name] += items
    lists = {name: list(_distinct(items)) for name, items in lists.items()}
    if (left := (row["tasks_in_all"] or 0) - len(tasks)) > 0:
        omitted.append({"what": "tasks", "count": left})
    if unread := sum(task["unread"] for task in row["tasks"] or []):
        omitted.append({"what": "results", "count": unread})
    for name in LISTS:
        if len(lists[name]) > ITEMS:
            omitted.append({"what": name, "count": len(lists[name]) - ITEMS})
            lists[name] = lists[name][-ITEMS:]
    artifacts = [{**item, "name": redact_text(item["name"])} for item in row["artifacts"] or []]
    content: Content = {"tasks": tasks, **lists, "artifacts": artifacts}
    content["summary"] = _summary(content)
    [content], more = fit.fitted([("", content)], SIZE)
    omitted += [{"what": item["what"], "count": item["count"]} for item in more]
    return {**content, **({"omitted": omitted} if omitted else {})}


def notes_of(row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What people and agents noted for a phase, by list."""
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in LISTS}
    for note in row["notes"] or []:
        source = {"from": "note", "by": note["by"], **({"task": note["task"]} if note["task"] else {})}
        lists[KINDS[note["kind"]]].append({"text": note["text"], **source})
    return lists


def empty(content: Content) -> bool:
    """Whether nothing was recorded."""
    return not any(content[name] for name in ("tasks", *LISTS, "artifacts"))


def hash_of(content: Content) -> str:
    """What tells two contents apart: SHA-256 of its JSON, hex."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _entry(task: dict[str, Any]) -> dict[str, Any]:
    said = next(filter(field_limits.seen, (task["summary"] or "", task["description"], task["title"])), "")
    entry = {name: task[name] for name in ("task", "key", "kind")}
    entry |= {"title": redact_text(task["title"]), "summary": _text(said)}
    outputs = _tidy(redact(task["outputs"]), DEPTH)
    return entry if outputs in (None, {}, [], "") else {**entry, "outputs": outputs}


def _reported(context: Any) -> dict[str, list[str]]:
    """The texts of `result.context`. A single value is a list of one."""
    if not isinstance(context, dict):
        return {}
    found = {}
    for name in LISTS:
        value = context.get(name)
        items = value if isinstance(value, list) else [value]
        texts = (_said(item) for item in items[: 2 * ITEMS])
        found[name] = [text for text in texts if field_limits.seen(text)]
    return found


def _said(item: Any) -> str:
    """An item as a text: of an object its `text`, or else its JSON."""
    if isinstance(item, dict) and isinstance(item.get("text"), str):
        item = item["text"]
    if item in (None, {}, []) or isinstance(item, bool):
        return ""
    return _text(item if isinstance(item, str) else json.dumps(redact(item), ensure_ascii=False))


def _text(text: str) -> str:
    # some more is read than kept, so that a secret at the cut is still known by its shape
    return short(redact_text(text[: 2 * TEXT]).strip(), TEXT)


def _distinct(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each text once, in order."""
    known: set[str] = set()
    for item in items:
        if item["text"] not in known:
            known.add(item["text"])
            yield item


def _tidy(value: Any, levels: int) -> Any:
    """A JSON value with its texts, lists and depth cut."""
    match value:
        case str():
            return short(value, TEXT)
        case dict() | list() if not levels:
            return TOO_DEEP
        case dict():
            return {short(key, 200): _tidy(inner, levels - 1) for key, inner in list(value.items())[:ITEMS]}
        case list():
            return [_tidy(inner, levels - 1) for inner in value[:ITEMS]]
    return value


def _summary(content: Content) -> str:
    parts = [short(task["summary"], IN_SUMMARY) for task in content["tasks"]]
    for name in ("decisions", "risks"):
        if texts := [short(item["text"], IN_SUMMARY) for item in content[name]]:
            parts.append(f"{name.capitalize()}: {', '.join(texts)}")
    return short("; ".join(parts) or NOTHING, SUMMARY)
