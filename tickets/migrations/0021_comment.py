"""Comments, which nothing changes later, and what a ticket is called elsewhere."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
import omoi_site.field_limits
from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0020_found_by_source_id"),
    ]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="external_ref",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="what it is called elsewhere",
                max_length=500,
                validators=[omoi_site.field_limits.shown],
            ),
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "author",
                    models.CharField(blank=True, max_length=200, validators=[omoi_site.field_limits.shown]),
                ),
                (
                    "body",
                    models.TextField(
                        max_length=100000, validators=[django.core.validators.MaxLengthValidator(100000)]
                    ),
                ),
                (
                    "source",
                    models.CharField(blank=True, help_text="the format it was imported from", max_length=20),
                ),
                ("source_id", models.CharField(blank=True, max_length=64)),
                (
                    "created_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="when it was written, where that is known",
                        null=True,
                        validators=[omoi_site.field_limits.moment],
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=omoi_site.database.sql.ClockTimestamp(),
                        editable=False,
                        help_text="when it came here",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="tickets.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ["ticket", "id"],
                "indexes": [models.Index(fields=["ticket", "id"], name="comment_in_order")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("source", ""), _negated=True),
                        fields=("ticket", "source", "source_id"),
                        name="comment_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("source", ""), _negated=True), ("source_id", ""), _connector="OR"
                        ),
                        name="comment_source",
                    ),
                ],
            },
        ),
        triggers.install(__file__, "comments", undo=migrations.RunSQL.noop),
    ]
