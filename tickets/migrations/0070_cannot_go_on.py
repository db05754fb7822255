"""Tasks whose needs can no longer be met are found without reading all that wait."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0019_visible_texts"),
        ("tickets", "0069_avoided_tasks"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("state", "pending"), ("unsatisfiable", True)),
                fields=["project"],
                name="task_unsatisfiable",
            ),
        ),
    ]
