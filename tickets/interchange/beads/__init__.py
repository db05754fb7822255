"""The beads format. `reader` reads a file; `issues` and `dependencies` a row of it."""

from tickets.interchange.beads.reader import read

__all__ = ["read"]
