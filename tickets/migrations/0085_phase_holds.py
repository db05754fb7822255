"""Whether a phase is full is stored where claims read it."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from omoi_site.database import triggers

PINNED = [
    "omoi_follow_full(bigint, bigint, text)",
    "omoi_phase_holds()",
    "omoi_hold_lane()",
    "omoi_count_for_lane()",
]


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0028_heard_minutes"),
        ("tickets", "0084_figures"),
    ]

    operations = [
        migrations.CreateModel(
            name="PhaseHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                (
                    "holds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), size=None
                    ),
                ),
                ("is_full", models.BooleanField()),
                (
                    "waits",
                    models.BooleanField(
                        help_text="one of its tickets has waited for people too long, or had"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.project",
                    ),
                ),
                (
                    "workflow",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tickets.workflow",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_full", True), ("waits", True), _connector="OR"),
                        fields=["project"],
                        name="phasehold_now",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "workflow", "phase"), name="phasehold_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="workflowphase",
            index=models.Index(
                condition=models.Q(("wip__isnull", False)), fields=["name"], name="phase_limited"
            ),
        ),
        triggers.install(__file__, "phase_holds", pinned=PINNED),
    ]
