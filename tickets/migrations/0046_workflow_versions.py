"""A ticket may go on under another version of its workflow."""

from django.db import migrations, models

from omoi_site.database import triggers

PINNED = [
    "omoi_follows_a_version()",
    "omoi_version_is_recorded()",
    "omoi_evidence(bigint, text)",
]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0045_failed_tasks"), ("agents", "0002_journal")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="workflow_changes",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="how often it changed its workflow version; only the database counts it",
            ),
        ),
        triggers.install(__file__, "workflow_versions", pinned=PINNED),
    ]
