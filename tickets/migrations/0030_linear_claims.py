"""What settling and claiming cost does not grow with the items, nor with what an old snapshot keeps."""

import django.db.models.deletion
from django.db import migrations, models

import omoi_site.database.sql
from omoi_site.database import triggers

BOTTOM = -(2**63)
CLAIMED = models.Q(
    state="claimed", holder__isnull=False, claimed_at__isnull=False, lease_expires_at__isnull=False
)
NOT_CLAIMED = ~models.Q(state="claimed") & models.Q(
    holder__isnull=True, lease_expires_at__isnull=True, timeout_at__isnull=True
)


class Migration(migrations.Migration):
    dependencies = [("agents", "0017_no_grants"), ("tickets", "0029_task_list")]
    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["ticket", "state", "phase"], name="task_of_ticket"),
        ),
        migrations.AlterField(
            model_name="task",
            name="ticket",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tasks",
                to="tickets.ticket",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(holder__isnull=False),
                fields=["holder", "claimed_at"],
                name="task_held_since",
            ),
        ),
        migrations.RemoveIndex(model_name="task", name="task_held"),
        migrations.RemoveConstraint(model_name="task", name="task_holder"),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(condition=CLAIMED | NOT_CLAIMED, name="task_holder"),
        ),
        migrations.AddField(
            model_name="lane",
            name="looked_from",
            field=models.BigIntegerField(
                db_default=BOTTOM,
                default=BOTTOM,
                editable=False,
                help_text="the floor before this one, from which the sweep looks again",
            ),
        ),
        migrations.CreateModel(
            name="LatestGrant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                (
                    "xid",
                    omoi_site.database.sql.XidField(
                        db_default=omoi_site.database.sql.CurrentXid(), editable=False
                    ),
                ),
                (
                    "oldest_held",
                    models.DateTimeField(help_text="no task that the agent holds was claimed earlier"),
                ),
                (
                    "replaces",
                    models.BigIntegerField(
                        editable=False, help_text="the row before, which is removed", null=True
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["agent", "id"], name="latest_grant")]},
        ),
        triggers.install(
            __file__,
            "latest_grant",
            pinned=["omoi_latest_grant(bigint)", "omoi_replace_grant()", "omoi_held_since()"],
        ),
    ]
