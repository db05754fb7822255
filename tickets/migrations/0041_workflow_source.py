"""Workflows keep the text they were read from, and their tickets are found by version and phase."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0040_content_in_files")]

    operations = [
        migrations.AddField(
            model_name="workflow",
            name="source",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="the YAML it was read from, with its comments",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["workflow", "phase", "project"],
                include=["archived_at"],
                name="ticket_workflow",
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="workflow",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tickets",
                to="tickets.workflow",
            ),
        ),
    ]
