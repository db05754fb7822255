"""Names of branches, as git takes them."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

from omoi_site import field_limits

MOST = 200
FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|[./]\Z|\A[-./]")


def branch_name(value: str) -> None:
    """A validator: the name of a branch."""
    if fault := branch_fault(value):
        raise ValidationError(fault)


def branch_fault(name: str) -> str:
    """Why this is no name of a branch; empty if it is one."""
    if fault := field_limits.exact_fault(name):
        return fault
    if not name or len(name) > MOST or name in ("@", "HEAD") or FORBIDDEN.search(name):
        return "this is not the name of a branch, such as main or release/2"
    return ""
