"""The address by which a client is counted."""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(1000)
def network(address: str) -> str:
    """The address under which a client's tries are counted. For IPv6 it is the /64 network, since one client
    may have 2^64 addresses. Empty if it is not an IP address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
