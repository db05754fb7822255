"""What the database promises about gates, and the shipped workflow that has them."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def install_software_delivery(apps, schema_editor):
    from tickets.workflows.document import SHIPPED, read

    plan = read(SHIPPED / "software_delivery.yaml")
    workflow = apps.get_model("tickets", "Workflow").objects.create(name=plan.name, version=1, document=plan.document)
    phases = apps.get_model("tickets", "WorkflowPhase")
    phases.objects.bulk_create(
        phases(
            workflow=workflow,
            name=phase.name,
            position=phase.position,
            to=list(phase.to),
            start=phase.name == plan.start,
            gated=bool(phase.gate),
            automatic=phase.automatic,
        )
        for phase in plan.phases
    )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_gates")]
    operations = [
        migrations.RunSQL((SQL / "gates.sql").read_text()),
        migrations.RunPython(install_software_delivery),
    ]
