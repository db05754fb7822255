"""A claim counts what the agent holds from the index, without reading each task."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0047_check_run")]

    operations = [
        migrations.RemoveIndex(model_name="task", name="task_held_since"),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(holder__isnull=False),
                fields=["holder", "claimed_at"],
                include=["worker_deaths"],
                name="task_held_since",
            ),
        ),
    ]
