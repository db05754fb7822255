"""Clients by the address they come from."""

from __future__ import annotations

import ipaddress


def network(address: str) -> str:
    """The client's address as tries are counted by: of IPv6 the network, for one client has 2^64 of those;
    empty where it is none.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
