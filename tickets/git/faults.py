"""What can go wrong with a repository, each with what to do about it."""

from __future__ import annotations

from omoi_site.errors import Invalid, OmoiError


class BadAddress(Invalid):
    """This is not the address of a repository that Omoi may fetch."""

    code = "bad_repository_address"
    title = "This repository cannot be used"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="url")


class FetchFailed(OmoiError):
    """The repository could not be fetched. The mirror is as it was before."""

    code = "fetch_failed"
    title = "The repository could not be fetched"

    def __init__(self, fault: str, message: str, next_action: str) -> None:
        """fault: a stable word for clients, such as `too_slow`."""
        super().__init__(message, next_action=next_action, fault=fault)
        self.fault = fault


class Busy(FetchFailed):
    """Another fetch of the repository is running."""

    def __init__(self) -> None:
        super().__init__("busy", "another fetch of this repository is running", "Try again in a minute.")


class Unreadable(OmoiError):
    """Git could not read what was asked of a mirror, in time."""

    code = "repository_unreadable"
    title = "The repository could not be read"
    next_action = "Fetch the repository again. If that does not help, read the server's log."
