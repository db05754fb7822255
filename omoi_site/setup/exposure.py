"""Refuses to serve other machines with debugging on, or with a secret that others can guess."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from omoi_site.errors import OmoiError

SHORTEST_SECRET = 32
FEWEST_LETTERS = 8  # different ones: a random secret has more
WELL_KNOWN = ("django-insecure", "insecure", "change", "secret", "default", "example", "dev")


class Exposed(OmoiError):
    """This server may listen on a loopback address only; the message says why and what to change."""

    code = "exposed"
    title = "Not on an address that other machines can reach"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. A name counts if all its addresses are loopback."""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host or "0.0.0.0", None)}
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)


def faults(*, debug: bool, secret: str) -> list[str]:
    """The reasons not to serve other machines, each a sentence that says how to fix it."""
    problems = []
    if debug:
        problems.append("OMOI_DEBUG=1 shows code and settings to anyone who causes an error. Unset it.")
    if weak := weakness(secret):
        problems.append(
            f"The secret that signs sessions {weak}. Unset OMOI_SECRET_KEY;"
            " Omoi then makes one and keeps it in OMOI_HOME."
        )
    return problems


def weakness(secret: str) -> str:
    """Why others could guess the secret; empty if they cannot."""
    if not secret:
        return "is empty"
    if secret.lower().startswith(WELL_KNOWN):
        return "is a default that everybody knows"
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_LETTERS:
        return f"is too short or too simple (use {SHORTEST_SECRET} random characters)"
    return ""


def refuse(host: str, *, debug: bool, secret: str) -> None:
    """Raise Exposed unless this may be served on `host`."""
    if (wrong := faults(debug=debug, secret=secret)) and not is_loopback(host):
        raise Exposed(
            f"Not served on {host or 'all addresses'}, which other machines can reach. {' '.join(wrong)}"
        )


def open_names(allowed: Sequence[str]) -> list[str]:
    """Entries of ALLOWED_HOSTS that allow any name."""
    return [name for name in allowed if name.strip() in ("*", ".")]
