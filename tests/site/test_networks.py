"""Omoi connects to the public internet, and to networks that the admin of the installation names."""

from __future__ import annotations

import socket
import threading

import pytest

from omoi_site import networks
from omoi_site.networks import AddressRefused, HostUnknown

INSIDE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff0e::1", "2001:db8::1"),
    *("192.0.0.8", "64:ff9b:1::a00:1", "5f00::1", "3fff::1"),
    # an address of IPv4 inside one of IPv6
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "::ffff:169.254.169.254"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_only_this_machine_or_its_network_reaches_is_refused(address):
    assert not networks.may_connect(address)


@pytest.mark.parametrize("address", ["140.82.121.3", "2606:50c0:8000::153", "64:ff9b::8c52:7903"])
def test_an_address_of_the_public_internet_is_not(address):
    assert networks.may_connect(address)


def test_a_network_that_the_admin_names_is_allowed_and_no_other(settings):
    settings.ALLOWED_NETWORKS = networks.named("10.1.0.0/16, fd00::/8")

    assert networks.may_connect("10.1.2.3")
    assert networks.may_connect("::ffff:10.1.2.3")
    assert networks.may_connect("fd00::1")
    assert not networks.may_connect("10.2.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "::1"])
def test_loopback_is_refused_however_it_is_written(host):
    with pytest.raises(AddressRefused, match="not an address of the public internet"):
        networks.addresses(host, 443)


def test_of_a_host_with_several_addresses_the_allowed_ones_are_given(monkeypatch):
    answers = [(0, 0, 0, "", (address, 443)) for address in ("10.0.0.1", "140.82.121.3", "140.82.121.3")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **how: answers)

    assert networks.addresses("forge.example", 443) == ["140.82.121.3"]


def test_a_name_that_cannot_be_looked_up_is_said_in_time(monkeypatch):
    with pytest.raises(HostUnknown):
        networks.addresses("no-such-host.invalid", 443, seconds=5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **how: threading.Event().wait())

    with pytest.raises(HostUnknown):
        networks.addresses("slow.example", 443, seconds=0.05)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "everything", "10.0.0.0/33"])
def test_a_network_that_is_none_is_a_fault(text):
    with pytest.raises(ValueError, match=r"network|host bits|netmask|address"):
        networks.named(text)
