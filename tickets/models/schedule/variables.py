"""The variables of a template: `{name}` in its texts stands for a value, given when a ticket is opened.

`{date}`, `{time}`, `{week}`, `{month}` and `{year}` are always there. `{{name}}` is shown as `{name}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from omoi_site import field_limits
from omoi_site.errors import Faults, Invalid, short

NAME = r"[a-z][a-z0-9_]{0,39}"
USED = re.compile(r"\{\{" + NAME + r"\}\}|\{(" + NAME + r")\}")
OF_TIME = {"date": "%Y-%m-%d", "time": "%H:%M", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}
MOST = 20
LABEL, VALUE = 100, 2_000  # characters
FILLED = 600_000  # characters of all texts together


@dataclass(frozen=True)
class Variable:
    """default: its value where none is given; None: one must be given."""

    name: str
    label: str = ""
    default: str | None = None

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ").capitalize()


def faults_of(variables: Sequence[Variable], texts: Mapping[str, str]) -> Faults:
    """What is wrong with these variables, and with the names that the texts (by field) use."""
    faults, names = Faults(), [variable.name for variable in variables]
    if len(variables) > MOST:
        faults.add("variables", f"at most {MOST} variables are allowed; there are {len(variables)}")
    for place, variable in enumerate(variables):
        at = f"variables.{place}"
        if not re.fullmatch(NAME, variable.name):
            faults.add(f"{at}.name", "small letters, digits and _, a letter first; at most 40 characters")
        elif variable.name in OF_TIME:
            faults.add(f"{at}.name", f"{variable.name} is always there: choose another name")
        elif names.index(variable.name) != place:
            faults.add(f"{at}.name", f"{variable.name} appears twice")
        if len(variable.label) > LABEL or field_limits.shown_fault(variable.label):
            faults.add(f"{at}.label", f"one line of at most {LABEL} visible characters")
        if len(variable.default or "") > VALUE:
            faults.add(f"{at}.default", f"at most {VALUE} characters are allowed")
    known = [*OF_TIME, *names]
    for field, text in texts.items():
        for name in dict.fromkeys(found[1] for found in USED.finditer(text) if found[1]):
            if name not in known:
                faults.add(
                    field,
                    f"there is no variable {name}; there are {short(', '.join(known), 200)}."
                    f" Write {{{{{name}}}}} for the text {{{name}}}",
                )
    return faults


def chosen(variables: Sequence[Variable], given: Mapping[str, str]) -> dict[str, str]:
    """The value of each variable. Raises Invalid for one that is missing, too long or unknown."""
    faults, values = Faults(), dict[str, str]()
    known = {variable.name for variable in variables}
    for name in sorted(given.keys() - known):
        there = f"; there are {', '.join(sorted(known))}" if known else ""
        faults.add(f"variables.{short(name, 60)}", f"there is no such variable{there}", "unknown_field")
    for variable in variables:
        value = given.get(variable.name) or ""
        if not isinstance(value, str):
            faults.add(f"variables.{variable.name}", "must be a text")
        elif len(value) > VALUE:
            faults.add(
                f"variables.{variable.name}",
                f"at most {VALUE} characters are allowed; there are {len(value)}",
            )
        elif field_limits.seen(value):
            values[variable.name] = value.strip()
        elif variable.default is None:
            faults.add(f"variables.{variable.name}", "fill this in: it has no default")
        else:
            values[variable.name] = variable.default
    faults.check()
    return values


def of_time(at: datetime) -> dict[str, str]:
    """The values that are always there, for a time in its zone."""
    return {name: at.strftime(form) for name, form in OF_TIME.items()}


def filled(part: Any, values: Mapping[str, str]) -> Any:
    """The part with values in its texts, in one pass: inserted text is not searched again."""
    if isinstance(part, dict):
        return {name: filled(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(item, values) for item in part]
    if not isinstance(part, str):
        return part
    return USED.sub(lambda found: values.get(found[1], found[0]) if found[1] else found[0][1:-1], part)


def expect_short(texts: Sequence[str], values: Mapping[str, str]) -> None:
    """Raise Invalid if the texts are too long with these values, without making them."""
    length = sum(
        len(text) + sum(len(values.get(found[1], "")) for found in USED.finditer(text) if found[1])
        for text in texts
    )
    if length > FILLED:
        raise Invalid(
            f"with these values its texts have {length} characters; at most {FILLED} are allowed",
            field="variables",
        )


def stored(variables: Sequence[Variable]) -> list[dict[str, Any]]:
    return [asdict(variable) for variable in variables]
