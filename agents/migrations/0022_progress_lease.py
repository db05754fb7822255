import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0021_paused_phases"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="stall_after_s",
            field=models.PositiveIntegerField(
                db_default=1800,
                default=1800,
                help_text="seconds without progress after which a claim is stalled; 0: never",
                validators=[django.core.validators.MaxValueValidator(2592000)],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="stall_grace_s",
            field=models.PositiveIntegerField(
                db_default=600,
                default=600,
                help_text="seconds after which a stalled claim is taken back",
                validators=[django.core.validators.MaxValueValidator(2592000)],
            ),
        ),
    ]
