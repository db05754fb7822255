"""Tickets have acceptance criteria, and a verdict dies when one of them or its answer changes."""

from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0038_floor_of_rank_and_id")]
    operations = [
        migrations.AddField(
            model_name="ticket",
            name="acceptance",
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        triggers.install(__file__, "acceptance", pinned=["omoi_evidence(bigint, text)"]),
    ]
