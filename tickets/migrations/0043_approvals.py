"""People approve what a ticket holds before it goes on: the decisions, and which of them count."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import omoi_site.database.sql
from omoi_site.database import triggers

PINNED = [
    "omoi_role(bigint, bigint)",
    "omoi_approvers(bigint, text)",
    "omoi_authors(bigint, text)",
    "omoi_decisions(bigint, text)",
    "omoi_approved_by(bigint, text)",
    "omoi_evidence(bigint, text)",
    "omoi_work_out_decision()",
    "omoi_record_decision()",
    "omoi_decide(bigint, text, int, text, text, text, bigint, text)",
]
OF_PHASES = ["omoi_phase_follows_its_document()", "omoi_read_phases()", "omoi_work_out_verdict()"]


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0042_attention"),
        ("agents", "0017_no_grants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="verdict",
            name="evidence",
            field=models.CharField(
                help_text="digest of the evidence: the ticket's artifacts, the phase's tasks and approvals",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="workflowphase",
            name="approvals",
            field=models.JSONField(
                blank=True, help_text="{count, role, self?, expires_s?}; empty: it asks for none", null=True
            ),
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                ("move", models.PositiveIntegerField(help_text="how often the ticket had moved")),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("approve", "Approve"),
                            ("reject", "Reject"),
                            ("request_changes", "Request Changes"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "reason",
                    models.TextField(
                        blank=True,
                        max_length=2000,
                        validators=[django.core.validators.MaxLengthValidator(2000)],
                    ),
                ),
                (
                    "seen",
                    models.CharField(help_text="digest of the evidence that the person saw", max_length=64),
                ),
                (
                    "role",
                    models.CharField(
                        help_text="the person's role in the project at that time", max_length=10
                    ),
                ),
                (
                    "self_approved",
                    models.BooleanField(help_text="by an author, because nobody else could approve"),
                ),
                (
                    "expires_at",
                    models.DateTimeField(blank=True, help_text="it counts until then", null=True),
                ),
                ("by", models.CharField(max_length=170)),
                ("key", models.CharField(blank=True, max_length=20)),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="tickets.ticket",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workflow",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tickets.workflow",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("decision", "approve"),
                            models.Q(
                                ("decision__in", ["reject", "request_changes"]),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="approval_decision",
                    )
                ],
            },
        ),
        triggers.install(__file__, "approvals", pinned=PINNED),
        triggers.install(__file__, "approvals_of_phases", pinned=OF_PHASES),
    ]
