"""Operations, tasks that complete by themselves once their needs are met and that no claim finds; and the
patterns that were applied to tickets, each under its key.
"""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
from omoi_site.database import triggers

STRATEGIES = ["combine", "union", "intersection", "majority", "first"]
READY = models.Q(
    ("held", False), ("not_due", False), ("open_needs", 0), ("operation", ""), ("state", "pending")
)


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0018_people_keep_their_names"),
        ("tickets", "0059_context"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="task", name="task_ready"),
        migrations.AddField(
            model_name="task",
            name="operation",
            field=models.CharField(
                blank=True,
                choices=[("sync", "Sync"), ("merge", "Merge")],
                db_default="",
                default="",
                editable=False,
                help_text="it completes by itself when its needs are met, and nobody claims it",
                max_length=8,
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(condition=READY, fields=["lane", "rank", "id"], name="task_ready"),
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                (
                    "task",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="coordination",
                        serialize=False,
                        to="tickets.task",
                    ),
                ),
                (
                    "strategy",
                    models.CharField(
                        blank=True,
                        choices=[(name, name) for name in STRATEGIES],
                        help_text="of a merge",
                        max_length=12,
                    ),
                ),
                (
                    "timeout_s",
                    models.IntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "on_timeout",
                    models.CharField(
                        choices=[("fail", "Fail"), ("continue", "Continue")], default="fail", max_length=8
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(
                        blank=True, help_text="when the first of its tasks could be worked on", null=True
                    ),
                ),
                ("waits", models.BooleanField(default=False, help_text="its timeout is still to come")),
                (
                    "left_out",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="the keys about which there was no majority",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("waits", True)), fields=["since"], name="operation_waits"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("on_timeout__in", ["fail", "continue"]),
                            models.Q(("timeout_s__isnull", True), ("timeout_s__gte", 1), _connector="OR"),
                        ),
                        name="operation_timeout",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PatternRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=100)),
                ("pattern", models.CharField(max_length=60)),
                (
                    "request",
                    models.JSONField(help_text="the pattern, its arguments and phases, as they were sent"),
                ),
                (
                    "tasks",
                    models.JSONField(help_text="of each task: its name in the pattern, its block and its id"),
                ),
                ("by", models.CharField(max_length=170)),
                ("via", models.CharField(blank=True, max_length=20)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pattern_runs",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(fields=("ticket", "key"), name="pattern_run_once"),
                ],
            },
        ),
        triggers.install(__file__, "operation_states"),
    ]
