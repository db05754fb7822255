"""Tasks can be put before all other work."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"
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
        migrations.RunSQL((SQL / "bump.sql").read_text(), UNDO),
    ]
