"""Fewer checks for each change of a task: one constraint holds the numbers, another the state with its
holder, and the trigger of states asks before it calls its function.
"""

from typing import Any

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

from omoi_site.database import triggers

NUMBERS = (
    "priority",
    "join",
    "open_needs",
    "edges_left",
    "attempts",
    "retries",
    "worker_deaths",
    "lease_s",
    "events",
)


def number(**how: Any) -> models.IntegerField:
    return models.IntegerField(validators=[django.core.validators.MinValueValidator(0)], **how)


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0017_no_grants"),
        ("tickets", "0032_lane_of_project"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="task",
            name="task_state",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_priority",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_max_attempts",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_timeout_s",
        ),
        migrations.RemoveConstraint(
            model_name="task",
            name="task_holder",
        ),
        migrations.AlterField(
            model_name="need",
            name="child",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="needs",
                to="tickets.task",
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="attempts",
            field=number(default=0),
        ),
        migrations.AlterField(
            model_name="task",
            name="edges_left",
            field=number(default=0, help_text="needs not yet decided"),
        ),
        migrations.AlterField(
            model_name="task",
            name="events",
            field=number(default=0, editable=False),
        ),
        migrations.AlterField(
            model_name="task",
            name="join",
            field=number(
                blank=True,
                db_column="join_count",
                help_text="how many needs must be met; empty: all",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="lease_s",
            field=number(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="task",
            name="max_attempts",
            field=models.IntegerField(
                default=3,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="open_needs",
            field=number(default=0, help_text="how many needs must still be met"),
        ),
        migrations.AlterField(
            model_name="task",
            name="priority",
            field=models.SmallIntegerField(
                choices=[(0, "Critical"), (1, "High"), (2, "Medium"), (3, "Low")], default=2
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="retries",
            field=number(default=0),
        ),
        migrations.AlterField(
            model_name="task",
            name="timeout_s",
            field=number(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="task",
            name="worker_deaths",
            field=models.SmallIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="how many workers died while it ran; from 2 on it runs alone",
            ),
        ),
        migrations.AddIndex(
            model_name="need",
            index=models.Index(fields=["child", "parent"], name="need_of_child"),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("claimed_at__isnull", False),
                        ("holder__isnull", False),
                        ("lease_expires_at__isnull", False),
                        ("state", "claimed"),
                    ),
                    models.Q(
                        ("holder__isnull", True),
                        ("lease_expires_at__isnull", True),
                        ("state__in", ["pending", "completed", "failed", "cancelled"]),
                        ("timeout_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="task_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    GreaterThanOrEqual(Least(*NUMBERS), 0),
                    GreaterThanOrEqual(Least("max_attempts", "timeout_s"), 1),
                    max_attempts__lte=100,
                    priority__lte=3,
                ),
                name="task_numbers",
            ),
        ),
        triggers.install(__file__, "task_states_when"),
    ]
