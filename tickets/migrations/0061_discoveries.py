"""Discoveries and failed validations: what becomes of them is decided once, and what was found stays."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
import omoi_site.field_limits
from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0018_people_keep_their_names"),
        ("tickets", "0060_operations"),
    ]

    operations = [
        migrations.AlterField(
            model_name="task",
            name="failure",
            field=models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text=(
                    "why it failed, where that is more than its error: `worker_lost`, its workers died;"
                    " `validation_repeated`, it failed three times in the same way; `validation_rounds`, too"
                    " often"
                ),
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="Discovery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fence", models.BigIntegerField(help_text="of the claim that found it")),
                (
                    "place",
                    models.PositiveSmallIntegerField(
                        help_text="among the discoveries of one completion, from 0 on"
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        max_length=60,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z][a-z0-9_]{0,59}\\Z",
                                "use 1 to 60 of a-z, 0-9 and '_'; begin with a letter",
                            )
                        ],
                    ),
                ),
                ("title", models.CharField(max_length=300, validators=[omoi_site.field_limits.shown])),
                (
                    "body",
                    models.TextField(
                        blank=True,
                        max_length=20000,
                        validators=[django.core.validators.MaxLengthValidator(20000)],
                    ),
                ),
                ("by", models.CharField(max_length=170)),
                ("via", models.CharField(blank=True, help_text="the key that was used", max_length=20)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("task", "Task"),
                            ("ticket", "Ticket"),
                            ("dismissed", "Dismissed"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("decided_by", models.CharField(blank=True, max_length=170)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "reason",
                    models.TextField(
                        blank=True,
                        help_text="of the decision, or why it is still open",
                        max_length=2000,
                        validators=[django.core.validators.MaxLengthValidator(2000)],
                    ),
                ),
                (
                    "made_task",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="made_of",
                        to="tickets.task",
                    ),
                ),
                (
                    "made_ticket",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="made_of",
                        to="tickets.ticket",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.project",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discoveries",
                        to="tickets.task",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discoveries",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(fields=["ticket", "id"], name="discovery_of_ticket"),
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["project", "at", "id"],
                        name="discovery_open",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("task", "fence", "place"), name="discovery_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("made_task__isnull", False), ("made_ticket__isnull", True), ("state", "task")
                            ),
                            models.Q(
                                ("made_task__isnull", True),
                                ("made_ticket__isnull", False),
                                ("state", "ticket"),
                            ),
                            models.Q(
                                ("made_task__isnull", True),
                                ("made_ticket__isnull", True),
                                ("state__in", ["open", "dismissed"]),
                            ),
                            _connector="OR",
                        ),
                        name="discovery_became",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Validation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fence", models.BigIntegerField(help_text="of the claim that failed")),
                (
                    "number",
                    models.PositiveSmallIntegerField(
                        help_text="which failure it is since the task was last retried"
                    ),
                ),
                (
                    "signature",
                    models.CharField(
                        help_text="equal for failures that differ only in numbers", max_length=32
                    ),
                ),
                (
                    "error",
                    models.TextField(
                        blank=True,
                        max_length=20000,
                        validators=[django.core.validators.MaxLengthValidator(20000)],
                    ),
                ),
                (
                    "counted",
                    models.BooleanField(
                        default=True, help_text="no longer, once a person has retried the task"
                    ),
                ),
                ("by", models.CharField(max_length=170)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "fix",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="puts_right",
                        to="tickets.task",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.project",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="validations",
                        to="tickets.task",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="validations",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [models.Index(fields=["ticket", "id"], name="validation_of_ticket")],
                "constraints": [models.UniqueConstraint(fields=("task", "fence"), name="validation_once")],
            },
        ),
        triggers.install(
            __file__, "discoveries", pinned=["omoi_discovery_stays()", "omoi_validation_stays()"]
        ),
    ]
