"""Runs of gate checks that take long or ask outside; what they found is evidence."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from omoi_site.database import triggers

PINNED = ["omoi_evidence(bigint, text)", "omoi_check_run_is_answered_once()"]


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0046_workflow_versions"),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                ("move", models.PositiveIntegerField(help_text="how often the ticket had moved")),
                ("entry", models.JSONField(help_text="{check, …parameters}, as in the gate")),
                (
                    "seen",
                    models.CharField(
                        help_text="digest of the artifacts and criteria it is about", max_length=64
                    ),
                ),
                ("asked_by", models.CharField(max_length=170)),
                (
                    "asked_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("worker", models.CharField(blank=True, db_default="", default="", max_length=170)),
                ("tries", models.PositiveIntegerField(db_default=0, default=0)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reasons",
                    models.JSONField(
                        blank=True, help_text="why it does not pass; [] if it passes", null=True
                    ),
                ),
                ("result", models.JSONField(blank=True, db_default={}, default=dict)),
                (
                    "task",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tickets.task",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="check_runs",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["ticket", "phase", "id"], name="check_run_of"),
                    models.Index(
                        condition=models.Q(("answered_at__isnull", True), ("task__isnull", True)),
                        fields=["id"],
                        name="check_run_open",
                    ),
                ],
            },
        ),
        triggers.install(__file__, "check_runs", pinned=PINNED),
    ]
