"""Why a fetch failed, from what git said: in words, with what to do about it."""

from __future__ import annotations

import re

from django.conf import settings

from omoi_site import field_limits
from omoi_site.errors import short
from tickets.git.command import Ended
from tickets.git.faults import FetchFailed

LONGEST = 300  # characters of git's own words
CHECK_ADDRESS = "Correct its address, or give this installation the right to read it."
KEY = (
    "Use an ssh address, and let the host accept the key of this installation:"
    " ssh/id_ed25519.pub in OMOI_HOME."
)
# Each: its code, a pattern of what git says then, what it means, what to do. The first that fits is taken.
FAULTS = (
    (
        "host_key_changed",
        "host key verification failed|remote host identification has changed",
        "the ssh key of the host has changed since its first use",
        "Find out whether its key was really changed. If so, remove its line from ssh/known_hosts in"
        " OMOI_HOME.",
    ),
    (
        "password",
        "terminal prompts disabled|could not read (username|password)|authentication failed"
        "|permission denied|returned error: 40[13]",
        "the host asks for a password or does not accept the key of this installation",
        KEY,
    ),
    (
        "redirected",
        "unable to update url base from redirection|returned error: 30[0-9]",
        "the host redirects to another address, and Omoi does not follow redirects",
        "Use the address at the end of the redirection.",
    ),
    (
        "not_found",
        "not found|does not appear to be a git repository|not a git repository|no such file"
        "|does not exist|returned error: 404",
        "there is no repository at this address, or Omoi may not see it",
        CHECK_ADDRESS,
    ),
    (
        "certificate",
        "certificate|handshake",
        "the certificate of the host is not valid here",
        "Correct the certificate, or start Omoi with GIT_SSL_CAINFO, the file of its authority.",
    ),
    (
        "disk_full",
        "no space left|disk quota",
        "the disk of this machine is full",
        "Free some space, then fetch it again.",
    ),
    (
        "unreachable",
        "could not resolve|connection refused|connection timed out|failed to connect|couldn't connect"
        "|no route to host|unreachable|connection reset|connection closed|operation timed out|early eof"
        "|terminated",
        "the host does not answer, or closes the connection",
        "Fetch it again later, or correct its address.",
    ),
)
TOO_LARGE = re.compile("signal 25|file too large|out of memory|cannot allocate|malloc|mmap failed")


def fault_of(ended: Ended, seconds: float) -> FetchFailed:
    """The fault of a fetch that ended with a status other than 0."""
    if ended.late:
        return FetchFailed(
            "too_slow",
            f"the repository could not be fetched within {seconds:.0f} s",
            "A worker tries again, with more time. Look again in a few minutes.",
        )
    # what the other side says, git shows with this in front of it; only git's own words are believed
    own = [line for line in ended.output.splitlines() if not line.startswith("remote:")]
    text = "\n".join(own).lower()
    # at a limit the kernel ends the program that writes, without a word
    if TOO_LARGE.search(text) or text == "fatal: fetch-pack: invalid index-pack output":
        return too_large()
    for fault, pattern, message, next_action in FAULTS:
        if re.search(pattern, text):
            return FetchFailed(fault, message, next_action)
    last = field_limits.seen(own[-1] if own else "")
    return FetchFailed("failed", f"git could not fetch it: {short(last, LONGEST)}", CHECK_ADDRESS)


def too_large() -> FetchFailed:
    most = settings.REPOSITORY_BYTES >> 20
    return FetchFailed(
        "too_large",
        f"the repository is larger than {most} MiB, which is the limit here",
        "The admin of this installation can allow more with OMOI_REPOSITORY_MIB.",
    )
