"""The addresses that Omoi itself connects to: global ones, and those of the networks that the admin of this
installation names in OMOI_ALLOWED_NETWORKS.

Otherwise a project's admin could make the server ask what only the server can reach: the database, a router,
the metadata of a cloud.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator

from django.conf import settings

from omoi_site.errors import OmoiError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOK_UP_S = 5.0
# IPv6 addresses that carry one of IPv4 in their last 32 bits: NAT64, and the old compatible form
CARRIERS = [ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96")]

# not of the public internet, which not every version of `ipaddress` knows: protocols of IPv4, NAT64 of one's
# own network, segment routing, and documentation
SPECIAL = [
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "64:ff9b:1::/48", "5f00::/16", "3fff::/20")
]


class AddressRefused(OmoiError):
    """Omoi does not connect to this host."""

    code = "address_refused"
    status = 422
    title = "Omoi does not connect to this address"


class HostUnknown(OmoiError):
    """The name of the host could not be looked up."""

    code = "host_unknown"
    status = 422
    title = "There is no such host"


def named(text: str) -> list[Network]:
    """The networks of OMOI_ALLOWED_NETWORKS. Raises ValueError."""
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def addresses(host: str, port: int, *, seconds: float = LOOK_UP_S) -> list[str]:
    """The addresses of the host to which Omoi may connect. Connect to one of these, and not to the name: it
    may mean another address a moment later. Raises AddressRefused or HostUnknown.
    """
    found = _look_up(host, port, seconds)
    if allowed := [address for address in found if may_connect(address)]:
        return allowed
    raise AddressRefused(
        f"{host} is {found[0]}, which is not an address of the public internet",
        next_action="If it is meant, the admin of this installation adds its network to"
        " OMOI_ALLOWED_NETWORKS and starts Omoi again.",
    )


def may_connect(address: str) -> bool:
    """Whether the address is global, or in a network that is allowed."""
    return all(_allowed(part) or _global(part) for part in _parts(ipaddress.ip_address(address)))


def _allowed(address: Address) -> bool:
    return any(address in network for network in settings.ALLOWED_NETWORKS)


def _global(address: Address) -> bool:
    if any(address in network for network in SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not getattr(address, "is_site_local", False)


def _parts(address: Address) -> Iterator[Address]:
    """What counts of an address: the one of IPv4 that it carries, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in carrier for carrier in CARRIERS) and int(address) > 1:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    inner = [part for part in carried if part is not None]
    yield from inner or [address]


def _look_up(host: str, port: int, seconds: float) -> list[str]:
    """In a thread of its own, since a resolver may take half a minute to give up."""
    found: list[str] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise HostUnknown(
            f"the host {host} was not found", next_action="Correct the address, or try again later."
        )
    return list(found)
