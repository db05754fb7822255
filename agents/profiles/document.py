"""The format of a profile's file."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any

import jsonschema

from agents.executors.limits import Limits
from agents.profiles import pool_name
from omoi_site.errors import short
from omoi_site.field_limits import shown_fault

WORD = {
    "anyOf": [
        {"type": ["string", "integer", "number"]},
        {
            "type": "object",
            "required": ["slot"],
            "additionalProperties": False,
            "properties": {"slot": {"type": "string"}},
        },
    ]
}
# What a sandbox has of its own there would be covered by what this machine has.
OF_THE_SANDBOX = re.compile(r"/(proc|dev|etc|job)(/|\Z)|/(tmp|run|var)/*\Z")
PATH = r"^(?!/)(?!(.*/)?\.\.(/|\Z))[^\x00-\x1f]{1,200}\Z"  # in the work folder
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {"enum": ["command", "python"]},
        "about": {"type": "string"},
        "words": {"type": "array", "minItems": 1, "items": WORD},
        "callable": {"type": "string", "pattern": r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\Z"},
        "slots": {
            "type": "object",
            "propertyNames": {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,39}\Z"},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "about": {"type": "string"},
                    "pattern": {"type": "string"},
                    "choices": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": ["string", "integer", "number"]},
                    },
                    "default": {"type": ["string", "integer", "number"]},
                },
            },
        },
        "artifacts": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"type": "string", "pattern": PATH},
            "additionalProperties": {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,99}\Z"},
            "description": (
                "files that the work leaves in its folder, each with the type of artifact to submit it as"
            ),
        },
        "discoveries": {
            "type": "string",
            "pattern": PATH,
            "description": "a file that the work may leave in its folder: a JSON list of what it found",
        },
        "failure": {
            "type": "string",
            "pattern": PATH,
            "description": "a file that the work may leave in its folder: how it failed, a JSON object",
        },
        "trust": {"enum": ["trusted", "sandboxed"]},
        "network": {"type": "boolean"},
        "shared": {"type": "string", "pattern": r"^[a-z][a-z0-9_-]{0,39}\Z"},
        "reads": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "string", "pattern": r"^(?!.*/\.\.(/|\Z))/[^/\x00-\x1f][^\x00-\x1f]{0,999}\Z"},
            "description": "folders and files of this machine that it may read in a sandbox",
        },
        "limits": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                field.name: {"type": "integer", "minimum": 1, "maximum": 1 << 30}
                for field in dataclasses.fields(Limits)
            },
        },
        "pools": {
            "type": "array",
            "maxItems": pool_name.MOST,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": pool_name.PATTERN},
            "description": "accounts whose limits its work shares",
        },
        "reusable": {
            "type": "boolean",
            "description": "one process carries out several of its jobs, one after the other",
        },
        "checks": {
            "type": "boolean",
            "description": (
                "its exit status tells whether the work is right: one that is not 0 fails validation"
            ),
        },
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
        "environment": {
            "type": "object",
            "propertyNames": {"type": "string", "pattern": r"^[A-Za-z_]\w*\Z"},
            "additionalProperties": {"type": ["string", "integer", "number"]},
        },
    },
    "if": {"properties": {"kind": {"const": "command"}}},
    "then": {"required": ["words"], "properties": {"callable": False}},
    "else": {"required": ["callable"], "properties": {"words": False, "checks": False}},
}


def faults_of(document: Any) -> list[str]:
    """All faults of a profile's document, as messages."""
    errors = sorted(
        jsonschema.Draft202012Validator(SCHEMA).iter_errors(document),
        key=lambda error: list(map(str, error.absolute_path)),
    )
    wrong = [
        f"{'.'.join(map(str, error.absolute_path)) or 'the document'}: {error.message}" for error in errors
    ]
    if wrong:
        return wrong
    wrong += [
        f"artifacts.{short(path, 80)!r}: {fault}"
        for path in document.get("artifacts", {})
        if (fault := shown_fault(path))
    ]
    wrong += [
        f"{name}: {fault}"
        for name in ("discoveries", "failure")
        if (fault := shown_fault(document.get(name, "")))
    ]
    wrong += [
        f"reads: {path}: a sandbox has its own"
        for path in document.get("reads", [])
        if OF_THE_SANDBOX.match(os.path.normpath(path))
    ]
    if document.get("reusable"):
        wrong += [f"reusable: {fault}" for fault in _not_reusable(document)]
    slots = document.get("slots", {})
    words = document.get("words", [])
    wrong += [
        f"words: the slot {word['slot']} is not declared"
        for word in words
        if isinstance(word, dict) and word["slot"] not in slots
    ]
    if words and isinstance(words[0], dict):
        wrong.append("words: the program must not be a slot")
    for name, marks in slots.items():
        if document["kind"] == "command" and {"slot": name} not in words:
            wrong.append(f"slots.{name}: no word uses it")
        try:
            re.compile(marks.get("pattern", ""))
        except re.error as error:
            wrong.append(f"slots.{name}.pattern: {error}")
    return wrong


def _not_reusable(document: dict[str, Any]) -> list[str]:
    """Why no process may carry out several jobs of this profile: its code must be the admin's, and jobs must
    not meet.
    """
    faults = []
    if document["kind"] != "python":
        faults.append("only a profile of kind python can be")
    if document.get("shared"):
        faults.append("not with a shared folder")
    if names := [name for name in document.get("environment", {}) if name.startswith("PYTHON")]:
        faults.append(f"not with {', '.join(names)}, which can bring code from elsewhere")
    return faults
