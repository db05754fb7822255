"""What a ticket says is a part of what people approve, and of what reviewers and workers judge."""

from django.db import migrations, models

from omoi_site.database import triggers

PINNED = ["omoi_shown(bigint, text, int)", "omoi_submitted(bigint, text)"]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0054_check_run_answers")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="text_changes",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="changes of its title, description and criteria; only the database counts them",
            ),
        ),
        triggers.install(__file__, "evidence_of_text", pinned=PINNED),
    ]
