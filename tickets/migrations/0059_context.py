"""What each phase hands over to the next: versions of its context, and notes that people and agents add."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import omoi_site.database.sql
from omoi_site.database import triggers

PINNED = ["omoi_phase_context_follows()", "omoi_note_is_withdrawn_once()"]


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0058_template_launch"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContextNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                (
                    "kind",
                    models.CharField(
                        choices=[("decision", "Decision"), ("risk", "Risk"), ("note", "Note")], max_length=10
                    ),
                ),
                (
                    "text",
                    models.TextField(
                        max_length=2000, validators=[django.core.validators.MaxLengthValidator(2000)]
                    ),
                ),
                ("by", models.CharField(max_length=170)),
                ("key", models.CharField(blank=True, max_length=20)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                ("withdrawn_by", models.CharField(blank=True, max_length=170)),
                ("withdrawn_reason", models.CharField(blank=True, max_length=2000)),
                (
                    "task",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
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
                        related_name="context_notes",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["ticket", "id"],
                "indexes": [models.Index(fields=["ticket", "phase", "id"], name="context_note_of")],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("ticket"),
                        models.F("phase"),
                        models.F("kind"),
                        django.db.models.functions.text.MD5("text"),
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        name="context_note_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["decision", "risk", "note"])),
                        name="context_note_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PhaseContext",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                ("number", models.PositiveIntegerField(help_text="1 for the first version of a phase")),
                ("content", models.JSONField()),
                ("hash", models.CharField(help_text="SHA-256 of the content, hex", max_length=64)),
                ("size", models.PositiveIntegerField(help_text="bytes of the content")),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("moved", "the ticket left the phase"),
                            ("noted", "a note was added"),
                            ("withdrawn", "a note was withdrawn"),
                            ("followed", "the ticket follows another version of its workflow"),
                        ],
                        max_length=10,
                    ),
                ),
                ("move", models.PositiveIntegerField(help_text="how often the ticket had moved")),
                ("by", models.CharField(max_length=170)),
                ("key", models.CharField(blank=True, max_length=20)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contexts",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["ticket", "phase", "number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("ticket", "phase", "number"), name="phase_context_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gt", 0)), name="phase_context_from_one"
                    ),
                ],
            },
        ),
        triggers.install(__file__, "context", pinned=PINNED),
    ]
