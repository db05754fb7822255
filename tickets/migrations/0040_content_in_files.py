"""The content of artifacts may lie in files. What is in the database stays there."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0039_acceptance")]

    operations = [
        migrations.AddField(
            model_name="blob",
            name="location",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="the name of its file in the storage; empty: its chunks are in the database",
                max_length=200,
            ),
        ),
    ]
