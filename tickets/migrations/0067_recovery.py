from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0066_late_completions"),
    ]

    operations = [
        triggers.install(__file__, "tried"),
        migrations.AddField(
            model_name="task",
            name="checkpoint",
            field=models.JSONField(
                blank=True,
                editable=False,
                help_text="where the work stood at its holder's last checkpoint",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="tried",
            field=models.JSONField(
                blank=True,
                editable=False,
                help_text="how the last attempts failed: attempt, kind, error, by, at, the newest last",
                null=True,
            ),
        ),
    ]
