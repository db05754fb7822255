"""Columns by the names of the glossary: `asleep` is `not_due`, `doomed` is `unsatisfiable`.

Only names change in the database; indexes and constraints follow their columns.
"""

from django.db import migrations, models

NOT_DUE = models.Q(("not_due", True), ("state", "pending"))
READY = models.Q(("held", False), ("not_due", False), ("open_needs", 0), ("state", "pending"))


class Migration(migrations.Migration):
    dependencies = [("tickets", "0022_awaited")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE tickets_task RENAME COLUMN asleep TO not_due;"
                    "ALTER TABLE tickets_task RENAME COLUMN doomed TO unsatisfiable;"
                    "ALTER INDEX task_asleep RENAME TO task_not_due;"
                    "ALTER TABLE tickets_task RENAME CONSTRAINT task_asleep_until TO task_not_due_until;",
                    "ALTER TABLE tickets_task RENAME CONSTRAINT task_not_due_until TO task_asleep_until;"
                    "ALTER INDEX task_not_due RENAME TO task_asleep;"
                    "ALTER TABLE tickets_task RENAME COLUMN unsatisfiable TO doomed;"
                    "ALTER TABLE tickets_task RENAME COLUMN not_due TO asleep;",
                )
            ],
            state_operations=[
                migrations.RemoveConstraint("task", "task_asleep_until"),
                migrations.RemoveIndex("task", "task_asleep"),
                migrations.RemoveIndex("task", "task_ready"),
                migrations.RenameField("task", "asleep", "not_due"),
                migrations.RenameField("task", "doomed", "unsatisfiable"),
                migrations.AddIndex(
                    "task", models.Index(fields=["lane", "rank", "id"], name="task_ready", condition=READY)
                ),
                migrations.AddIndex(
                    "task", models.Index(fields=["not_before"], name="task_not_due", condition=NOT_DUE)
                ),
                migrations.AddConstraint(
                    "task",
                    models.CheckConstraint(
                        condition=models.Q(
                            ("not_due", False), ("not_before__isnull", False), _connector="OR"
                        ),
                        name="task_not_due_until",
                    ),
                ),
            ],
        )
    ]
