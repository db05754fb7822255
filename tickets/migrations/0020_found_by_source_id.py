"""A ticket is found by the id it had where it was imported from, in any case."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0019_forced_with_a_reason"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                django.db.models.functions.text.Upper("source_id"),
                condition=models.Q(("source", ""), _negated=True),
                name="ticket_source_id",
            ),
        ),
    ]
