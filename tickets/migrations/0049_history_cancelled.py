"""What was cancelled and reopened is found without reading the whole history."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0048_held_from_the_index")]
    operations = [
        migrations.AddIndex(
            model_name="phasemove",
            index=models.Index(
                condition=models.Q(ground__in=["cancelled", "reopened"]),
                fields=["ground", "ticket", "at"],
                name="history_cancelled",
            ),
        ),
    ]
