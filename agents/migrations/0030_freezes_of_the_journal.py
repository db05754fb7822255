"""The freezes and thaws of the journal, for their history: few of many events."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0029_saved_views"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["xid", "id"],
                name="event_freezes",
                condition=models.Q(kind__in=["project.frozen", "project.thawed"]),
            ),
        ),
    ]
