from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0013_allowed_workflows"),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="extended_to",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="the end of its lease as an absence of sweeps extended it",
                null=True,
            ),
        ),
    ]
