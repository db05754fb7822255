"""How far a profile's jobs are kept from everything else."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.executors.limits import Limits


@dataclass(frozen=True)
class Isolation:
    """sandboxed: refused where no sandbox works; otherwise the profile is trusted to run without one.

    network: whether it reaches the network, and with it Omoi's port. shared: the name of a folder that all
    jobs of profiles with this name share. reads: other folders and files of this machine that it may read.
    """

    sandboxed: bool = False
    network: bool = False
    shared: str = ""
    reads: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
