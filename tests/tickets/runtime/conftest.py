from __future__ import annotations

import pytest

from agents.executors.job_folder import shared_folder
from agents.executors.removal import remove


@pytest.fixture
def shared():
    """An empty folder that a job can reach too: `$OMOI_SHARED`, as jobs call it."""
    folder = shared_folder("tests")
    folder.chmod(0o777)
    for left in folder.iterdir():
        remove(left)
    return folder
