"""Profiles: what an executor may run, by name. An admin of this machine installs them; a task fills their
slots.

A profile is a YAML file in `OMOI_HOME/profiles`, or one that is shipped. It declares its slots, and each
fills exactly one argument. There is no shell, so nothing can be injected. A file is read at each use, so a
new profile works at once.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from agents.executors.isolation import Isolation
from agents.executors.limits import Limits
from agents.profiles.document import faults_of

SHIPPED = Path(__file__).parent / "shipped"
NAME = re.compile(r"\A[a-z0-9][a-z0-9_-]{0,59}\Z")
MOST_BYTES = 64 << 10
LONGEST_SLOT = 8000


class UnknownProfile(LookupError):
    """The profile does not exist, or its file cannot be used; the message says why."""


@dataclass(frozen=True)
class Slot:
    """A value that a task gives.

    Without a pattern or choices it may not begin with `-`, because it would be read as an option.
    """

    name: str
    pattern: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None

    def fault(self, value: Any) -> str:
        """Empty if the value is valid, else what is wrong with it."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return "must be a text or a number"
        text = str(value)
        if "\0" in text or len(text) > LONGEST_SLOT:
            return f"must be a text without NUL, of at most {LONGEST_SLOT} characters"
        if self.choices:
            return "" if text in self.choices else f"must be one of {', '.join(self.choices)}"
        if self.pattern:
            return "" if re.fullmatch(self.pattern, text) else f"must match {self.pattern}"
        return "must not begin with -" if text.startswith("-") and isinstance(value, str) else ""


@dataclass(frozen=True)
class Profile:
    """kind: the executor. words: the argument vector, with a Slot for each value; for `python` only the
    callable.

    pools: the accounts whose limits its work shares.

    artifacts: files that the work leaves in its folder, with the artifact type of each. A missing file is a
    failure. discoveries: the file in which it may leave what it found on the way; failure: how it failed.
    reusable: one process
    carries out several of its jobs. checks: the exit status of its command tells whether the work is right.
    edition: differs whenever its file has changed.
    """

    name: str
    kind: str
    words: tuple[str | Slot, ...]
    slots: Mapping[str, Slot]
    about: str = ""
    timeout_s: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = SHIPPED
    artifacts: Mapping[str, str] = field(default_factory=dict)
    discoveries: str = ""
    failure: str = ""
    isolation: Isolation = field(default_factory=Isolation)
    reusable: bool = False
    checks: bool = False
    edition: str = ""
    pools: tuple[str, ...] = ()

    def faults(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Faults of these slots, by slot."""
        wrong = {
            name: f"{self.name} has no such slot; its slots: {', '.join(self.slots) or 'none'}"
            for name in values
            if name not in self.slots
        }
        wrong |= {
            name: f"{self.name} needs this slot"
            for name, slot in self.slots.items()
            if name not in values and slot.default is None
        }
        slot_faults = {name: slot.fault(values[name]) for name, slot in self.slots.items() if name in values}
        return wrong | {name: fault for name, fault in slot_faults.items() if fault}

    def filled(self, slots: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """The argument vector, and the values by slot. Raises ValueError if they are not valid (any more)."""
        if wrong := self.faults(slots):
            raise ValueError("; ".join(f"slot {name}: {fault}" for name, fault in wrong.items()))
        values = {name: slots.get(name, slot.default) for name, slot in self.slots.items()}
        return [str(values[word.name]) if isinstance(word, Slot) else word for word in self.words], values

    def process_key(self) -> str:
        """One process may carry out the jobs of one project with the same key; empty: each has its own. It
        differs whenever the profile or a module beside it has changed. Raises UnknownProfile when others than
        its owner can change such a module, or it lies elsewhere.
        """
        if not self.reusable:
            return ""
        return f"{self.name} {self.edition} {_modules_edition(self.folder, int(time.monotonic()))}"


@functools.lru_cache(64)
def _modules_edition(folder: Path, second: int) -> int:
    """Of all modules in the folder; looked at again each second."""
    editions = []
    for file in sorted(folder.rglob("*.py")):
        status = file.lstat()
        if stat.S_ISLNK(status.st_mode) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UnknownProfile(
                f"{file} is not used by reusable processes, because it is a link or users other than its"
                f" owner can change it. Replace it by a file, and run: chmod go-w {file}"
            )
        editions.append((str(file), status.st_mtime_ns, status.st_size))
    return hash(tuple(editions))


def named(name: str) -> Profile:
    """The profile of this name; an installed one hides a shipped one. Raises UnknownProfile."""
    for file, status in _files(name):
        if not file.startswith(f"{SHIPPED}/") and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UnknownProfile(
                f"{file} is not used, because users other than its owner can change it."
                f" Run: chmod go-w {file}"
            )
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise UnknownProfile(f"{file} is not used: it is not a file of at most {MOST_BYTES >> 10} KiB")
        return _read(file, status.st_mtime_ns, status.st_size)
    raise UnknownProfile(
        f"there is no profile {name}; known profiles: {', '.join(sorted(installed()))}."
        " An admin can install it as a file in OMOI_HOME/profiles"
    )


def _files(name: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files of this profile: the one that counts first."""
    for folder in (f"{settings.OMOI_HOME}/profiles", str(SHIPPED)) if NAME.match(name) else ():
        file = f"{folder}/{name}.yaml"
        with contextlib.suppress(OSError):
            yield file, os.stat(file)


def changed_at(name: str) -> float | None:
    """When the file of this profile was changed last; None if there is none."""
    return next((status.st_mtime for _, status in _files(name)), None)


def pools_of(name: str) -> tuple[str, ...]:
    """The pools that this profile names; none if it has no profile, or one that cannot be used."""
    try:
        return named(name).pools if name else ()
    except UnknownProfile:
        return ()


def installed() -> set[str]:
    """The names of all profiles on this machine."""
    return {
        file.stem
        for folder in (settings.OMOI_HOME / "profiles", SHIPPED)
        for file in folder.glob("*.yaml")
        if NAME.match(file.stem)
    }


def faults(name: str, slots: Mapping[str, Any]) -> dict[str, str]:
    """Why a task cannot use this profile with these slots, by field (`profile`, `slots`, `slots.NAME`); empty
    if it can.
    """
    if not name:
        return {"slots": "name a profile for these slots"} if slots else {}
    try:
        profile = named(name)
    except UnknownProfile as error:
        return {"profile": str(error)}
    return {f"slots.{slot}": fault for slot, fault in profile.faults(slots).items()}


@functools.lru_cache(256)
def _read(file: str, mtime: int, size: int) -> Profile:
    path = Path(file)
    try:
        document = yaml.safe_load(path.read_bytes())
        json.dumps(document, allow_nan=False)  # a time of `.nan` seconds would be less than any other
    except (OSError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        # ValueError: it is no UTF-8, or names the 13th month, a number of 5,000 digits or none at all
        raise UnknownProfile(f"{file} is not valid YAML: {error}") from error
    if wrong := faults_of(document):
        raise UnknownProfile(f"{file} is not a valid profile: {'; '.join(wrong)}")
    slots = {
        name: Slot(
            name, marks.get("pattern", ""), tuple(map(str, marks.get("choices", ()))), marks.get("default")
        )
        for name, marks in document.get("slots", {}).items()
    }
    words = [document["callable"]] if document["kind"] == "python" else document["words"]
    return Profile(
        name=path.stem,
        kind=document["kind"],
        words=tuple(slots[word["slot"]] if isinstance(word, dict) else str(word) for word in words),
        slots=slots,
        about=document.get("about", ""),
        timeout_s=document.get("timeout_s", 600.0),
        environment={name: str(value) for name, value in document.get("environment", {}).items()},
        folder=path.parent,
        artifacts=document.get("artifacts", {}),
        discoveries=document.get("discoveries", ""),
        failure=document.get("failure", ""),
        isolation=Isolation(
            sandboxed=document.get("trust") == "sandboxed",
            network=document.get("network", False),
            shared=document.get("shared", ""),
            reads=tuple(document.get("reads", ())),
            limits=Limits(**document.get("limits", {})),
        ),
        reusable=document.get("reusable", False),
        checks=document.get("checks", False),
        edition=f"{mtime} {size}",
        pools=tuple(sorted(document.get("pools", ()))),
    )
