import pytest

from tests.support import origins
from tickets.models import NewRepository, Repository


@pytest.fixture
def origin():
    """A repository with one commit on `main`."""
    with origins.origin() as made:
        made.commit({"README.md": "# Shop\n", "docs/design.md": "## Decisions\n"})
        yield made


@pytest.fixture
def repository(origin, project, operator):
    """That repository in the project, not fetched yet."""
    return Repository.objects.add(project, NewRepository("shop", origin.url), by=operator)
