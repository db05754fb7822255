"""Lanes are narrower: where the sweep has looked is kept in a table of its own, which claims do not read."""

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

KEEP = """
INSERT INTO tickets_lanelook (lane_id, looked_from, looked_to)
SELECT id, looked_from, looked_to
FROM tickets_lane
"""
# a busy lane's row changes each second
ROOM = "ALTER TABLE tickets_lanelook SET (fillfactor = 70)"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0052_authors_by_key")]

    operations = [
        migrations.CreateModel(
            name="LaneLook",
            fields=[
                (
                    "lane",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="look",
                        serialize=False,
                        to="tickets.lane",
                    ),
                ),
                (
                    "looked_from",
                    ArrayField(
                        base_field=models.BigIntegerField(),
                        help_text="rank and id of the floor before this one, from which the sweep looks"
                        " again",
                        size=2,
                    ),
                ),
                (
                    "looked_to",
                    ArrayField(
                        base_field=models.BigIntegerField(),
                        help_text="the floor as the sweep left it; meanwhile it may have been raised further",
                        size=2,
                    ),
                ),
            ],
        ),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
        migrations.RunSQL(KEEP, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="lane", name="looked_from"),
        migrations.RemoveField(model_name="lane", name="looked_to"),
    ]
