from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0022_progress_lease"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentpresence",
            name="instances",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                editable=False,
                help_text="its processes of the last minute: when each was first and last heard from",
            ),
        ),
        migrations.AddField(
            model_name="agentpresence",
            name="shared_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="when that was last seen", null=True
            ),
        ),
        migrations.AddField(
            model_name="agentpresence",
            name="shared_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="since when several processes work under its name",
                null=True,
            ),
        ),
    ]
