from django.db import migrations, models

import omoi_site.field_limits


class Migration(migrations.Migration):
    """Only new artifacts are held to it: rows that are there stay as they are."""

    dependencies = [
        ("tickets", "0017_started_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="artifact",
            name="commit",
            field=models.CharField(blank=True, max_length=100, validators=[omoi_site.field_limits.shown]),
        ),
        migrations.AlterField(
            model_name="artifact",
            name="name",
            field=models.CharField(max_length=200, validators=[omoi_site.field_limits.shown]),
        ),
        migrations.AlterField(
            model_name="artifact",
            name="path",
            field=models.CharField(blank=True, max_length=500, validators=[omoi_site.field_limits.shown]),
        ),
    ]
