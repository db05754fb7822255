"""What the database itself promises: the order of work, the states of a task, the grounds of a move."""

import json
from pathlib import Path

from django.db import migrations

HERE = Path(__file__).parent


def install_simple(apps, schema_editor):
    """The shipped workflow as it was then, so that the first ticket needs no set-up."""
    shipped = json.loads((HERE / "documents" / "simple_1.json").read_text())
    workflow = apps.get_model("tickets", "Workflow").objects.create(
        name=shipped["name"], version=1, document=shipped["document"]
    )
    phases = apps.get_model("tickets", "WorkflowPhase")
    phases.objects.bulk_create(phases(workflow=workflow, **phase) for phase in shipped["phases"])


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial"), ("agents", "0002_journal")]
    operations = [
        migrations.RunSQL((HERE / "sql" / f"{name}.sql").read_text())
        for name in ("rank", "task_states", "phase_guard")
    ] + [
        migrations.RunPython(install_simple),
    ]
