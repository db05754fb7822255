"""How long tickets were in the phases that they left in each hour, and how many tickets were stuck."""

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0091_idle_tickets"),
    ]

    operations = [
        migrations.AddField(
            model_name="hourlyfigures",
            name="stays",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                help_text="in phases that were left: {phase: {bucket of their length: how many}}",
            ),
        ),
        migrations.AddField(
            model_name="hourlyfigures",
            name="stuck",
            field=models.PositiveIntegerField(
                help_text="tickets that only a person can move on, when it was looked at last", null=True
            ),
        ),
    ]
