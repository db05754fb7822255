"""What the database itself promises: the order of work, the states of a task, the grounds of a move."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def install_simple(apps, schema_editor):
    """The shipped workflow, so that the first ticket needs no set-up."""
    from tickets.workflows.document import SHIPPED, read

    plan = read(SHIPPED / "simple.yaml")
    workflow = apps.get_model("tickets", "Workflow").objects.create(name=plan.name, version=1, document=plan.document)
    phases = apps.get_model("tickets", "WorkflowPhase")
    phases.objects.bulk_create(
        phases(
            workflow=workflow,
            name=phase.name,
            position=phase.position,
            to=list(phase.to),
            start=phase.name == plan.start,
            automatic=phase.automatic,
        )
        for phase in plan.phases
    )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial"), ("agents", "0002_journal")]
    operations = [migrations.RunSQL((SQL / f"{name}.sql").read_text()) for name in ("rank", "task_states", "phase_guard")] + [
        migrations.RunPython(install_simple),
    ]
