"""System checks of workflow documents, the shipped ones and the newest version of each that is installed, and
of the packages that add gate checks.

`up` runs them before the server starts. `manage.py check` runs the first; with `--database default`, both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.db import connections

from tickets.gates import plugins
from tickets.models.workflow import Workflow
from tickets.workflows.document import SHIPPED, InvalidWorkflow

TAG = "workflows"
READ = ("name", "version", "document")


@checks.register(TAG)
def shipped_documents_are_valid(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"The shipped workflow {path} is not valid: {refusal.message}",
            hint="Restore the file from the release of Omoi that is installed here, then start again.",
            id="tickets.E001",
        )
        for path in sorted(SHIPPED.glob("*.yaml"))
        for refusal in _refusals(path)
    ]


@checks.register(TAG, checks.Tags.database)
def installed_documents_are_valid(
    app_configs: Any, databases: Sequence[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    """Only warnings: the tickets of a version that an earlier release accepted go on."""
    return [
        checks.Warning(
            f"The installed workflow {workflow} would be refused today: {refusal.message}",
            hint="Its tickets go on as before, but a check that is missing keeps its gate closed. Get the"
            f" document with GET /api/v1/workflows/{workflow.name}, correct it, and install it as the next"
            " version: python3 manage.py workflows install FILE",
            id="tickets.W001",
        )
        for database in databases or ()
        if Workflow._meta.db_table in connections[database].introspection.table_names()
        # before a migration, its table may lack columns that are new
        for workflow in Workflow.objects.using(database).newest().order_by("name").only(*READ)
        for refusal in _refusals(workflow.document)
    ]


@checks.register(TAG)
def packages_of_checks_are_used(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """Only warnings: a gate that names a check which is left out stays closed."""
    return [
        checks.Warning(
            f"The gate checks of a package are left out: {fault}",
            hint="Correct the package, or uninstall it, then start Omoi again.",
            id="tickets.W010",
        )
        for fault in plugins.faults
    ]


def _refusals(source: Any) -> Iterator[InvalidWorkflow]:
    """The refusal of a document that is not valid."""
    try:
        Workflow.objects.checked(source)
    except InvalidWorkflow as refusal:
        yield refusal
