"""A person holds a task without a lease."""

from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0026_people"),
        ("tickets", "0074_pools"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="task",
            name="task_state",
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("claimed_at__isnull", False), ("holder__isnull", False), ("state", "claimed")),
                    models.Q(
                        ("holder__isnull", True),
                        ("lease_expires_at__isnull", True),
                        ("state__in", ["pending", "completed", "failed", "cancelled"]),
                        ("timeout_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="task_state",
            ),
        ),
        triggers.install(__file__, "people", pinned=["omoi_lease_look()"]),
    ]
