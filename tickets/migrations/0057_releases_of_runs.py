"""A run counts how often a worker that ended gave it back: that is no try that cost a worker."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0056_authors_of_reviews")]

    operations = [
        migrations.AddField(
            model_name="checkrun",
            name="releases",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
