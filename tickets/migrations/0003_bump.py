"""Tasks can be put before all other work."""

from django.db import migrations, models

from omoi_site.database import triggers

UNDO = "DROP TRIGGER task_in_front ON tickets_task; DROP FUNCTION omoi_keep_in_front();"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_rules")]
    operations = [
        migrations.AddField(
            model_name="task",
            name="bumped_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="when somebody put it before all other work", null=True
            ),
        ),
        triggers.install(__file__, "bump", undo=UNDO),
    ]
