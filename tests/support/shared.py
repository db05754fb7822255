"""What the tests of several files in a row share, because starting it takes as long as many tests.

A plugin of pytest, loaded by `-p tests.support.shared`: it must know which test comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
_kept: dict[str, tuple[Any, ExitStack]] = {}
_next: list[pytest.Item | None] = [None]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    _next[0] = nextitem


def shared(
    request: pytest.FixtureRequest, begin: Callable[[], AbstractContextManager[T]], works: Callable[[T], bool]
) -> Iterator[T]:
    """The body of a fixture of a file: the file before leaves what it began, if the next wants it too."""
    name = str(request.fixturename)
    if name in _kept and not works(_kept[name][0]):
        _kept.pop(name)[1].close()
    if name not in _kept:
        with ExitStack() as stack:
            _kept[name] = stack.enter_context(begin()), stack.pop_all()
    yield _kept[name][0]
    if not _wanted(name, request):
        _kept.pop(name)[1].close()


def _wanted(name: str, request: pytest.FixtureRequest) -> bool:
    """Whether the next test asks for this fixture, and not for one of its own with the same name."""
    if _next[0] is None:
        return False
    [*_, chosen] = _next[0]._fixtureinfo.name2fixturedefs.get(name, [None])
    return chosen is request._fixturedef
