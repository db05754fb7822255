"""The clock remembers to where it looked: floors are raised between two looks as well."""

from django.db import migrations, models

BOTTOM = -(2**63)


class Migration(migrations.Migration):
    dependencies = [("tickets", "0033_fewer_checks")]

    operations = [
        migrations.AddField(
            model_name="lane",
            name="looked_to",
            field=models.BigIntegerField(
                db_default=BOTTOM,
                default=BOTTOM,
                editable=False,
                help_text="the floor as the sweep left it; meanwhile it may have been raised further",
            ),
        ),
    ]
