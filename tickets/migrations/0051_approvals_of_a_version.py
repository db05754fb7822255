"""An approval falls for ever when its ticket changes its version, also when it changes back."""

from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0050_short_conditions")]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="workflow_changes",
            field=models.PositiveIntegerField(
                db_default=0, help_text="how often the ticket had changed the version of its workflow"
            ),
        ),
        triggers.install(
            __file__,
            "approvals_of_a_version",
            pinned=["omoi_decisions(bigint, text)", "omoi_note_the_version()"],
        ),
    ]
