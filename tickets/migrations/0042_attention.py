"""What the list of what needs somebody reads: counted refusals of gates, and notices to roles."""

import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
from omoi_site.database import triggers

UNSEEN = models.Q(("seen_at__isnull", True))


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0017_no_grants"),
        ("tickets", "0041_workflow_source"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=60)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("approver", "Approver"),
                            ("admin", "Admin"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(db_default=omoi_site.database.sql.ClockTimestamp(), editable=False),
                ),
                ("seen_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("seen_by", models.CharField(blank=True, editable=False, max_length=170)),
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
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["project", "at", "id"], name="notice_unseen", condition=UNSEEN),
                    models.Index(fields=["ticket"], name="notice_unseen_of_ticket", condition=UNSEEN),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "operator", "approver", "admin"])),
                        name="notice_role",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="ticket",
            name="refusals",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="how often the gate refused it since it entered its phase or last passed; only the"
                " database counts it",
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="refused_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="when the gate refused it for the second time",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("refused_at__isnull", False)),
                fields=["project", "refused_at", "id"],
                name="ticket_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("move_fault_at__isnull", False)),
                fields=["project", "move_fault_at", "id"],
                name="ticket_move_fault",
            ),
        ),
        triggers.install(__file__, "refusals", pinned=["omoi_count_moves()", "omoi_record_verdict()"]),
    ]
