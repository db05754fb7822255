"""Test files as pytest rewrites them, for a run that is the first of its checkout or follows a change.

Each worker imports every file, all in the same order and at the same time: each would rewrite and compile all
of them. So each first does its part of those that are not done yet, and then finds those of the others. What
it does too early or too late is only done twice.

pytest has no public name for this. `AssertionRewritingHook.exec_module` does the same file by file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from _pytest.assertion import rewrite


def do_part(config: pytest.Config) -> None:
    if sys.dont_write_bytecode:
        return
    part = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    for file in files(config)[part :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]:
        kept = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(file, kept) is None and rewrite.try_makedirs(kept.parent):
            try:
                stat, code = rewrite._rewrite_test(file, config)
            except SyntaxError:  # told when the file is collected
                continue
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, stat, kept)


def files(config: pytest.Config) -> list[Path]:
    """Those that this run collects, in one order for all workers."""
    named = {config.invocation_params.dir / argument.partition("::")[0] for argument in config.args}
    return sorted(
        {file for path in named for file in ([path] if path.is_file() else path.rglob("test_*.py"))}
    )
