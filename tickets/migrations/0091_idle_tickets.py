"""Since when only a person would move a ticket on. The sweep `recheck_waits` fills it in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0090_checks_of_hours"),
    ]

    operations = [
        migrations.AddField(
            model_name="ticketwait",
            name="idle_since",
            field=models.DateTimeField(
                help_text="since when only a person would move it on, although nothing of it failed",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="ticketwait",
            index=models.Index(
                condition=models.Q(("idle_since__isnull", False)),
                fields=["project_id", "idle_since", "id"],
                name="ticketwait_idle",
            ),
        ),
    ]
