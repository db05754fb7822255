"""No time ends what a person holds; people have their own name where they review their own work."""

from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0027_names_of_people"),
        ("tickets", "0077_critical_work"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="task", name="task_state"),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("claimed_at__isnull", False),
                        ("holder__isnull", False),
                        ("state", "claimed"),
                        models.Q(
                            ("lease_expires_at__isnull", False),
                            ("timeout_at__isnull", True),
                            _connector="OR",
                        ),
                    ),
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
        triggers.install(__file__, "reviewers_by_hand", pinned=["omoi_reviewer_is(bigint)"]),
    ]
