"""The broker carries hints: a message says *look*, the row says *whether*. Losing one loses time only."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


def hint(actor: str, *args: Any) -> None:
    """Ask a worker to look; sent with the transaction it belongs to."""
    log.debug("hint %s %s", actor, args)
