"""An address is https, ssh or a folder, and nothing that git would read as something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from omoi_site.setup import paths
from tickets.git.address import RepositoryAddress
from tickets.git.branch_name import branch_fault
from tickets.git.faults import BadAddress


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("https://github.com/example/shop.git", "https", "github.com", 443),
        ("https://forge.example:8443/~ada/shop", "https", "forge.example", 8443),
        ("https://[2606:50c0:8000::153]/shop", "https", "2606:50c0:8000::153", 443),
        ("ssh://git@forge.example/team/shop.git", "ssh", "forge.example", 22),
        ("ssh://forge.example:2222/srv/shop", "ssh", "forge.example", 2222),
        ("git@github.com:example/shop.git", "ssh", "github.com", 22),
        ("forge.example:shop", "ssh", "forge.example", 22),
        ("file:///srv/shop.git", "file", "", 0),
        ("/srv/my shop.git".replace(" ", "_"), "file", "", 0),
    ],
)
def test_these_are_addresses(text, scheme, host, port):
    address = RepositoryAddress.parse(text)

    assert (address.scheme, address.host, address.port) == (scheme, host, port)


REFUSED = [
    # options of git and ssh
    *("-oProxyCommand=touch /tmp/x", "--upload-pack=touch", "ssh://-oProxyCommand=touch/x", "-x:y"),
    *("ssh://git@-oProxyCommand=x/y", "git@-x:y", "ssh://-x@host/y", "ssh://host/-x", "host:-x"),
    # programs, other protocols
    *("ext::sh -c touch", "ext::sh", "fd::7", "testgit::/x", "::x", "http://forge.example/x", "git://h/x"),
    *("ftp://h/x", "rsync://h/x", "HTTP://h/x", "file://host/srv/x", "data:,x:y", "javascript://h/x"),
    # secrets
    *("https://ada:secret@forge.example/x", "https://secret@forge.example/x", "ssh://ada:secret@h/x"),
    *("https://forge.example/x?token=secret", "https://forge.example/x#secret", "https://@forge.example/x"),
    # what is nothing, too long, or looks like something else
    *(
        "",
        " ",
        "x",
        "https://",
        "https:///x",
        "https://h",
        "https://h/",
        "https://h:0/x",
        "https://h:99999/x",
    ),
    *("https://h:x/x", "https://h/a b", "https://h/a\nb", "https://h/a\u200bb", "https://h\u202e/x"),
    *(
        "https://" + "h" * 600 + "/x",
        "https://h\x00/x",
        "https://[::1/x",
        "https://fo rge/x",
        "https://h/../x",
    ),
    *("https://h/a/../../x", "https://фордж.example/x", "https://h\\x/y", "https://h/$(touch)", "h:`touch`"),
    *(
        "/srv/../etc",
        "file:///srv/..",
        "/srv/\u200bx",
        "file:///srv/%2e%2e/x",
        "file:///srv/%E2%80%8Bx",
        "file:///srv/a%0Ab",
        "/srv/a\u2800b",
        "/srv/a\u00a0b",
        "https://" + "a" * 200 + "_/x",
    ),
]


@pytest.mark.parametrize("text", REFUSED)
def test_these_are_none(text):
    with pytest.raises(BadAddress) as refused:
        RepositoryAddress.parse(text)

    assert "secret" not in refused.value.message


def test_a_folder_of_omoi_is_none_by_whatever_path(settings, tmp_path):
    (tmp_path / "link").symlink_to(settings.OMOI_HOME)
    own = [
        *(f"{settings.OMOI_HOME}", f"{settings.OMOI_HOME}/mirrors/1.git", f"{tmp_path}/link/mirrors"),
        *(f"{paths.data_folder(Path(settings.OMOI_HOME))}/executors/shared", f"{paths.ELSEWHERE}/x/data"),
        f"{tmp_path}/link",
    ]
    for folder in own:
        with pytest.raises(BadAddress, match="Omoi's own"):
            RepositoryAddress.parse(folder)


def test_a_folder_that_becomes_one_later_is_refused_then(settings, tmp_path):
    address = RepositoryAddress.parse(f"{tmp_path}/shop.git")
    (tmp_path / "shop.git").symlink_to(settings.OMOI_HOME)

    with pytest.raises(BadAddress, match="Omoi's own"):
        address.expect_outside_home()


@pytest.mark.parametrize("name", ["main", "release/2", "omoi/OMO-1.5", "fix-#7", "größe"])
def test_these_are_branches(name):
    assert not branch_fault(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", ".x", "/x", "x/", "x.", "a..b", "a//b", "a/.b", "a.lock", "a.lock/b", "a b", "a~1"),
        *("a^", "a:b", "a?", "a*", "a[b", "a\\b", "@", "HEAD", "a@{1}", "a\x7f", "a\u200bb", "x" * 201),
        # what nobody sees, or sees as another name
        *("a\u2800b", "\u2800", "a\ufe0f", "a\u034fb", "a\u3164", "a\u00a0b", "a\u3000b", "a\U000e0101"),
    ],
)
def test_these_are_none_of_gits_branches(name):
    assert branch_fault(name)
