import django.contrib.postgres.fields
import django.contrib.postgres.validators
from django.db import migrations, models

import omoi_site.field_limits


class Migration(migrations.Migration):
    """Only what is written from now on is held to it: rows that are there stay as they are."""

    dependencies = [
        ("agents", "0018_people_keep_their_names"),
    ]

    operations = [
        migrations.AlterField(
            model_name="agent",
            name="capabilities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=100, validators=[omoi_site.field_limits.not_blank]),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="phases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60, validators=[omoi_site.field_limits.not_blank]),
                blank=True,
                default=list,
                help_text="phases it works in; empty: all",
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(50)],
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="tags",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=50, validators=[omoi_site.field_limits.not_blank]),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="project",
            name="name",
            field=models.CharField(max_length=200, validators=[omoi_site.field_limits.not_blank]),
        ),
    ]
