import django.contrib.postgres.fields
import django.contrib.postgres.validators
import django.core.validators
from django.db import migrations, models

import omoi_site.field_limits


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0014_extended_to"),
    ]

    operations = [
        migrations.AlterField(
            model_name="task",
            name="capabilities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=100),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="deadline",
            field=models.DateTimeField(blank=True, null=True, validators=[omoi_site.field_limits.moment]),
        ),
        migrations.AlterField(
            model_name="task",
            name="description",
            field=models.TextField(
                blank=True, max_length=100000, validators=[django.core.validators.MaxLengthValidator(100000)]
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="error",
            field=models.TextField(
                blank=True, max_length=20000, validators=[django.core.validators.MaxLengthValidator(20000)]
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="not_before",
            field=models.DateTimeField(blank=True, null=True, validators=[omoi_site.field_limits.moment]),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="blocked_reason",
            field=models.TextField(
                blank=True,
                editable=False,
                max_length=2000,
                validators=[django.core.validators.MaxLengthValidator(2000)],
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="description",
            field=models.TextField(
                blank=True, max_length=500000, validators=[django.core.validators.MaxLengthValidator(500000)]
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="labels",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=200),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="pause_reason",
            field=models.CharField(blank=True, editable=False, max_length=2000),
        ),
    ]
