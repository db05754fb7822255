"""Lists of tasks read one index, by project and state, in the order they are shown in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0015_texts"),
        ("tickets", "0028_lists"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["project", "state", "id"], name="task_list"),
        ),
    ]
