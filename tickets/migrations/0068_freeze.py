"""One switch that stops everything, or one project: a row for each freeze."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
import omoi_site.field_limits


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0020_limits_of_projects"),
        ("tickets", "0067_recovery"),
    ]

    operations = [
        migrations.CreateModel(
            name="Freeze",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reason",
                    models.CharField(max_length=2000, validators=[omoi_site.field_limits.not_blank]),
                ),
                ("by", models.CharField(max_length=170)),
                ("via", models.CharField(blank=True, help_text="the key that was used", max_length=20)),
                (
                    "since",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "thawed",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        help_text="ids of the projects that a freeze of everything no longer holds",
                        size=None,
                    ),
                ),
                ("events", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        help_text="empty: everything",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.project",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project",), name="freeze_once", nulls_distinct=False)
                ],
            },
        ),
    ]
