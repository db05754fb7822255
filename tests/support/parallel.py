"""How the tests share this machine: how many workers, which tests go to which, and who must be alone.

A plugin of pytest, loaded by `-p tests.support.parallel`.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import functools
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support import rewritten
from tests.support.cluster import RUN

# A worker waits for processes, locks and browsers most of the time: more of them than cores keep the cores
# busy.
WORKERS = min(2 * len(os.sched_getaffinity(0)), 16)
CAMPAIGN_S = 1_800  # after which a campaign is taken to hang
FEW = 2  # files that are not worth the start of workers
# Begun first, so that no worker is left with one of them when the others have ended: those of campaigns, then
# those of the quick suite.
LONG = [
    f"tests/{name}.py"
    for name in (
        "bench/test_runs",
        "bench/test_losses",
        "site/setup/test_moved_home",
        "site/processes/test_up",
        "flows/test_demo",
        "flows/test_browser_admin",
        "site/processes/test_up_anywhere",
        "tickets/claim/test_claim_cost",
        "site/serving/test_fuzz",
        "site/database/test_schema",
        "site/test_house",
        "site/test_docs",
        "flows/test_storm",
        "tickets/runtime/test_worker",
        "tickets/runtime/test_worker_brokers",
        "tickets/task/test_bulk",
        "site/database/test_external_roles",
        "tickets/api/test_lists",
        "tickets/freeze/test_freeze_under_load",
        "flows/test_plans",
        "tickets/claim/test_races",
        "site/setup/test_doctor",
        "tickets/explain/test_obstacles_bar_claims",
        "flows/test_ways_past_a_gate_by_evidence",
        "flows/test_ways_past_a_check",
        "tickets/gates/test_spoiled_evidence",
        "tickets/gates/test_slow_evidence",
        "tickets/pages/test_ticket",
        "site/test_commands",
        "flows/test_quota_pools",
        "flows/test_read_and_change",
        "tickets/runtime/test_worker_processes",
        "site/processes/test_dev",
    )
]
# Then those that share what is dear to start, one after the other; the order of the rest does not matter.
SHARED = ("browser", "web")


@pytest.hookimpl(tryfirst=True)  # before xdist's own
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """So many as what is asked for is worth: none for a file or two, or for what a keyword picks."""
    if config.getoption("keyword") or config.getoption("lf", False):
        return 0
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return WORKERS
    files = sum(len(list(path.rglob("test_*.py"))) if path.is_dir() else 1 for path in map(Path, config.args))
    return min(WORKERS, files // 2) if files > FEW else 0


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """What is collected, half a million objects, stays until the end: no look for garbage goes over it."""
    gc.disable()
    try:
        if "PYTEST_XDIST_WORKER" in os.environ:
            rewritten.do_part(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "campaign" not in str(config.getoption("markexpr")):  # they are run when they are asked for
        campaigns = [item for item in items if item.get_closest_marker("campaign")]
        config.hook.pytest_deselected(items=campaigns)
        items[:] = [item for item in items if not item.get_closest_marker("campaign")]
    for item in items:
        if item.get_closest_marker("full") or item.get_closest_marker("campaign"):
            item.add_marker(pytest.mark.timeout(CAMPAIGN_S))
    if "PYTEST_XDIST_WORKER" in os.environ:
        rank = {name: place for place, name in enumerate([*LONG, *SHARED])}
        places: dict[str, int] = {}  # of files
        for item in items:
            found = [rank[name] for name in (file_of(item), *item.fixturenames) if name in rank]
            places[file_of(item)] = min([*found, places.get(file_of(item), len(rank))])
        items.sort(key=lambda item: (alone(item), places[file_of(item)]))


def file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


class ByFile(LoadScopeScheduling):
    """A file goes to one worker: what its tests share, such as a web process, is started once.

    Tests that want to be alone come last, from all files together: the others wait for them once and have
    nothing else to do.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        return "alone" if test.partition("[")[0] in marked_alone(file) else file


@functools.cache
def marked_alone(file: str) -> set[str]:
    """Tests of a file with the mark, from its text: who hands out tests knows no more of them than their
    names.
    """
    functions = (
        node for node in ast.parse(Path(file).read_bytes()).body if isinstance(node, ast.FunctionDef)
    )
    return {each.name for each in functions if "pytest.mark.alone" in map(ast.unparse, each.decorator_list)}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    with machine.taken(alone=alone(item), on=alone(nextitem)):
        return (yield)


def alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


class Machine:
    """Two locks between the workers of a run: whoever wants to be alone keeps the line closed until the
    others are done with their test.
    """

    def __init__(self, folder: Path) -> None:
        self.line, self.floor = ((folder / name).open("w") for name in ("line", "floor"))
        self.kept = False

    @contextlib.contextmanager
    def taken(self, *, alone: bool, on: bool) -> Iterator[None]:
        """on: the next test wants to be alone too, and nobody comes between."""
        if not self.kept:
            fcntl.flock(self.line, fcntl.LOCK_EX)
            fcntl.flock(self.floor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(self.line, fcntl.LOCK_UN)
        try:
            yield
        finally:
            self.kept = alone and on
            if not self.kept:
                fcntl.flock(self.floor, fcntl.LOCK_UN)


machine = Machine(RUN)
