"""What the database promises about gates, and the shipped workflow that has them, as it was then."""

import json
from pathlib import Path

from django.db import migrations

from omoi_site.database import triggers

HERE = Path(__file__).parent


def install_software_delivery(apps, schema_editor):
    shipped = json.loads((HERE / "documents" / "software_delivery_1.json").read_text())
    workflow = apps.get_model("tickets", "Workflow").objects.create(
        name=shipped["name"], version=1, document=shipped["document"]
    )
    phases = apps.get_model("tickets", "WorkflowPhase")
    phases.objects.bulk_create(phases(workflow=workflow, **phase) for phase in shipped["phases"])


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_gates")]
    operations = [
        triggers.install(__file__, "gates", pinned=["omoi_phase_guard()", "omoi_evidence(bigint, text)"]),
        migrations.RunPython(install_software_delivery),
    ]
