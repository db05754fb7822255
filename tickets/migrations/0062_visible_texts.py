import django.contrib.postgres.fields
import django.contrib.postgres.validators
import django.core.validators
from django.db import migrations, models

import omoi_site.field_limits


class Migration(migrations.Migration):
    """Only what is written from now on is held to it: rows that are there stay as they are."""

    dependencies = [
        ("tickets", "0061_discoveries"),
    ]

    operations = [
        migrations.AlterField(
            model_name="artifact",
            name="name",
            field=models.CharField(
                max_length=200, validators=[omoi_site.field_limits.shown, omoi_site.field_limits.not_blank]
            ),
        ),
        migrations.AlterField(
            model_name="comment",
            name="body",
            field=models.TextField(
                max_length=100000,
                validators=[
                    django.core.validators.MaxLengthValidator(100000),
                    omoi_site.field_limits.not_blank,
                ],
            ),
        ),
        migrations.AlterField(
            model_name="contextnote",
            name="text",
            field=models.TextField(
                max_length=2000,
                validators=[
                    django.core.validators.MaxLengthValidator(2000),
                    omoi_site.field_limits.not_blank,
                ],
            ),
        ),
        migrations.AlterField(
            model_name="discovery",
            name="title",
            field=models.CharField(
                max_length=300, validators=[omoi_site.field_limits.shown, omoi_site.field_limits.not_blank]
            ),
        ),
        migrations.AlterField(
            model_name="task",
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
            model_name="task",
            name="kind",
            field=models.CharField(
                default="task", max_length=60, validators=[omoi_site.field_limits.not_blank]
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="title",
            field=models.CharField(max_length=300, validators=[omoi_site.field_limits.not_blank]),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="labels",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=200, validators=[omoi_site.field_limits.not_blank]),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="title",
            field=models.CharField(max_length=300, validators=[omoi_site.field_limits.not_blank]),
        ),
    ]
