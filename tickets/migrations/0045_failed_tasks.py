"""The failed tasks of open work are found without reading all that ever failed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0044_lease_look")]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("held", False), ("state", "failed")),
                fields=["project", "ended_at", "id"],
                name="task_failed",
            ),
        ),
    ]
