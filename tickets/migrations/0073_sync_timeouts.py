"""The timeouts of syncs, found by indexes: the tasks that begin one, and the syncs whose time is over."""

from django.db import migrations, models

from omoi_site.database import triggers

# The syncs that wait already.
MARK = """
UPDATE tickets_task
SET starts_timeout = true
WHERE id IN (
  SELECT n.parent_id
  FROM tickets_need n
  JOIN tickets_operation o ON o.task_id = n.child_id
  WHERE o.waits
    AND o.since IS NULL
)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0024_state_and_history"),
        ("tickets", "0072_narrow_lanes"),
    ]

    operations = [
        triggers.install(
            __file__, "seconds_after", undo="DROP FUNCTION omoi_seconds_after(timestamptz, int)"
        ),
        migrations.RemoveIndex(model_name="operation", name="operation_waits"),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(
                models.Func(models.F("since"), models.F("timeout_s"), function="omoi_seconds_after"),
                condition=models.Q(("waits", True)),
                name="operation_over",
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="starts_timeout",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="the time of a sync that waits for it begins with it, and has not begun",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(
                    ("starts_timeout", True),
                    models.Q(
                        models.Q(("state", "pending"), _negated=True),
                        models.Q(("held", False), ("not_due", False), ("open_needs", 0)),
                        _connector="OR",
                    ),
                ),
                fields=["id"],
                name="task_starts_timeout",
            ),
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
