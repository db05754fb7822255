"""Templates of tickets, schedules that open them, and the runs of schedules."""

import django.contrib.postgres.fields
import django.contrib.postgres.validators
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
import omoi_site.field_limits


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0028_heard_minutes"),
        ("tickets", "0088_task_output"),
    ]

    operations = [
        migrations.CreateModel(
            name="TicketTemplate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("events", models.PositiveIntegerField(default=0, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "name",
                    models.CharField(
                        max_length=63,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]{0,62}\\Z",
                                "small letters, digits and . _ -, a letter or digit first",
                            )
                        ],
                    ),
                ),
                ("title", models.CharField(max_length=300, validators=[omoi_site.field_limits.not_blank])),
                (
                    "description",
                    models.TextField(
                        blank=True,
                        max_length=100000,
                        validators=[django.core.validators.MaxLengthValidator(100000)],
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Critical"), (1, "High"), (2, "Medium"), (3, "Low")], default=2
                    ),
                ),
                (
                    "labels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            max_length=200, validators=[omoi_site.field_limits.not_blank]
                        ),
                        blank=True,
                        default=list,
                        size=None,
                        validators=[django.contrib.postgres.validators.ArrayMaxLengthValidator(100)],
                    ),
                ),
                (
                    "acceptance",
                    models.JSONField(blank=True, default=list, help_text="the texts of its criteria"),
                ),
                (
                    "workflow",
                    models.CharField(blank=True, help_text="empty: that of the project", max_length=100),
                ),
                (
                    "tasks",
                    models.JSONField(
                        blank=True, default=list, help_text="the fields of each that are not usual"
                    ),
                ),
                (
                    "variables",
                    models.JSONField(blank=True, default=list, help_text="each {name, label, default}"),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ticket_templates",
                        to="agents.project",
                    ),
                ),
            ],
            options={
                "ordering": ["project", "name"],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("events", models.PositiveIntegerField(default=0, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("cron", models.CharField(max_length=100)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "overlap",
                    models.CharField(
                        choices=[("skip", "Skip"), ("queue", "Queue"), ("replace", "Replace")],
                        default="skip",
                        max_length=10,
                    ),
                ),
                (
                    "misfire",
                    models.CharField(
                        choices=[("none", "None"), ("one", "One"), ("all", "All")],
                        default="one",
                        max_length=10,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("variables", models.JSONField(blank=True, default=dict)),
                (
                    "next_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="the next time that was not looked at",
                        null=True,
                    ),
                ),
                (
                    "look_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="when the clock looks at it; empty: never",
                        null=True,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_ticket",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        editable=False,
                        help_text="the ticket that it opened last",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tickets.ticket",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="schedules",
                        to="agents.project",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="schedules",
                        to="tickets.tickettemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["project", "id"],
            },
        ),
        migrations.CreateModel(
            name="ScheduleRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("due_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("owed", "Owed"), ("opened", "Opened"), ("skipped", "Skipped")],
                        max_length=10,
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "None"),
                            ("overlap", "Overlap"),
                            ("full", "Full"),
                            ("refused", "Refused"),
                            ("missed", "Missed"),
                            ("dropped", "Dropped"),
                            ("replaced", "Replaced"),
                            ("disabled", "Disabled"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "detail",
                    models.TextField(
                        blank=True,
                        default="",
                        max_length=2000,
                        validators=[django.core.validators.MaxLengthValidator(2000)],
                    ),
                ),
                ("by_hand", models.BooleanField(default=False)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=omoi_site.database.sql.ClockTimestamp(), help_text="when this was found"
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
                    "schedule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="tickets.schedule",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="schedule_runs",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["-due_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "owed")),
                        fields=["project", "due_at", "id"],
                        name="schedule_run_owed",
                    ),
                    models.Index(
                        condition=models.Q(("state", "owed")),
                        fields=["schedule", "due_at"],
                        name="schedule_run_owed_of",
                    ),
                    models.Index(fields=["schedule", "id"], name="schedule_run_list"),
                    models.Index(fields=["at"], name="schedule_run_old"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("schedule", "due_at"), name="schedule_run_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "opened"), ("ticket__isnull", False)),
                            models.Q(models.Q(("state", "opened"), _negated=True), ("ticket__isnull", True)),
                            _connector="OR",
                        ),
                        name="schedule_run_has_ticket",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="tickettemplate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("project", "name"),
                name="ticket_template_once",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                condition=models.Q(("look_at__isnull", False)), fields=["look_at", "id"], name="schedule_due"
            ),
        ),
    ]
