"""Repositories of projects."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
import omoi_site.field_limits
import tickets.git.branch_name


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0017_no_grants"),
        ("tickets", "0036_feedback"),
    ]

    operations = [
        migrations.CreateModel(
            name="Repository",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
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
                ("url", models.CharField(max_length=700, validators=[omoi_site.field_limits.shown])),
                (
                    "base",
                    models.CharField(
                        default="main",
                        help_text="the branch that finished work comes into",
                        max_length=200,
                        validators=[tickets.git.branch_name.branch_name],
                    ),
                ),
                (
                    "landing",
                    models.CharField(
                        choices=[("none", "None"), ("merge", "Merge"), ("rebase", "Rebase")],
                        default="none",
                        max_length=10,
                    ),
                ),
                (
                    "added_at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "tried_at",
                    models.DateTimeField(blank=True, editable=False, help_text="the last fetch", null=True),
                ),
                (
                    "fetched_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="the last fetch that brought everything",
                        null=True,
                    ),
                ),
                (
                    "fault",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        editable=False,
                        help_text="why the last fetch failed: {code, message, next_action}, or {}",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repositories",
                        to="agents.project",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "repositories",
                "ordering": ["project", "id"],
                "constraints": [models.UniqueConstraint(fields=("project", "name"), name="repository_once")],
            },
        ),
    ]
