"""What the database itself promises: the order of work, the states of a task, the grounds of a move."""

import json
from pathlib import Path

from django.db import migrations

from omoi_site.database import triggers

HERE = Path(__file__).parent
PINNED = [
    "omoi_phase_guard()",
    "omoi_history_guard()",
    "omoi_count_moves()",
    "omoi_history_stamp()",
    "omoi_workflow_is_whole()",
]


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
        triggers.install(__file__, "rank"),
        triggers.install(__file__, "task_states"),
        triggers.install(__file__, "phase_guard", pinned=PINNED),
        migrations.RunPython(install_simple),
    ]
