"""Task templates that were added to a ticket by hand, each launch under its key."""

import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0057_releases_of_runs"),
    ]

    operations = [
        migrations.CreateModel(
            name="TemplateLaunch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="chosen by the caller: the same one adds nothing twice", max_length=100
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                ("request", models.JSONField(help_text="what was asked for: {phase, chosen, words}")),
                (
                    "outcome",
                    models.JSONField(help_text="each chosen template: {template, title, task, added, …}"),
                ),
                ("by", models.CharField(max_length=170)),
                (
                    "via",
                    models.CharField(
                        blank=True, help_text="prefix of the key that the actor used", max_length=20
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="template_launches",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("ticket", "key"), name="template_launch_once")
                ],
            },
        ),
    ]
