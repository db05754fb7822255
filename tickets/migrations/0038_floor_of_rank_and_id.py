"""The floor of a lane is a place in its order: tasks that become ready together share their rank."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

BOTTOM = -(2**63)


def place(help_text):
    return ArrayField(
        base_field=models.BigIntegerField(),
        db_default=[BOTTOM, 0],
        editable=False,
        help_text=help_text,
        size=2,
    )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0037_repository")]

    operations = [
        migrations.AlterField(
            model_name="lane",
            name="floor",
            field=models.BigIntegerField(
                default=BOTTOM, help_text="no ready task of this lane has a lower rank"
            ),
        ),
        migrations.AddField(
            model_name="lane",
            name="floor_id",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="none of the same rank as the floor has a lower id",
            ),
        ),
        # the next look begins at the bottom, so nothing is lost with the old places
        migrations.RemoveField(model_name="lane", name="looked_from"),
        migrations.RemoveField(model_name="lane", name="looked_to"),
        migrations.AddField(
            model_name="lane",
            name="looked_from",
            field=place("rank and id of the floor before this one, from which the sweep looks again"),
        ),
        migrations.AddField(
            model_name="lane",
            name="looked_to",
            field=place("the floor as the sweep left it; meanwhile it may have been raised further"),
        ),
    ]
