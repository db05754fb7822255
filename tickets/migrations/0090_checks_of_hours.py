"""How often each check of a gate passed in each hour, and how often not."""

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0089_schedules"),
    ]

    operations = [
        migrations.AddField(
            model_name="hourlyfigures",
            name="checks",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                help_text="of judgements: {check: [how often it passed, how often not]}",
            ),
        ),
    ]
