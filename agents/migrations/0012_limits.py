import django.contrib.postgres.fields
import django.contrib.postgres.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0011_account"),
    ]

    operations = [
        migrations.AlterField(
            model_name="agent",
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
            model_name="agent",
            name="phases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                default=list,
                help_text="phases it works in; none: all",
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(50)],
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="tags",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=50),
                blank=True,
                default=list,
                size=None,
                validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
            ),
        ),
        migrations.AlterField(
            model_name="project",
            name="pause_reason",
            field=models.CharField(blank=True, editable=False, max_length=2000),
        ),
    ]
