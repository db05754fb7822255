import django.core.validators
import django.db.models.functions.comparison
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0022_progress_lease"),
        ("tickets", "0064_paused_phases"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="task",
            name="task_numbers",
        ),
        migrations.AddField(
            model_name="lane",
            name="stall_after_s",
            field=models.PositiveIntegerField(
                db_default=1800, default=1800, help_text="seconds without progress, as its project says"
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="active_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="when the claim last showed progress", null=True
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="activity",
            field=models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text="the last mark of what the holder's work has changed; empty: it sends none",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="phase_stall_after_s",
            field=models.IntegerField(
                blank=True,
                editable=False,
                help_text="the same, as its phase says",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="stall_after_s",
            field=models.IntegerField(
                blank=True,
                help_text="seconds without progress after which its claim is stalled; 0: never; empty: as its"
                " phase or project says",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="stall_s",
            field=models.IntegerField(
                blank=True,
                editable=False,
                help_text="seconds without progress after which the present claim is stalled; 0: never",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="stalled_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="when its claim was found to be stalled", null=True
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="lease_look_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="when sweeps look at the claim: never later than its lease ends, nor than it"
                " stalls",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("stalled_at__isnull", False)),
                fields=["project", "stalled_at", "id"],
                name="task_stalled",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least(
                            "priority",
                            "join",
                            "open_needs",
                            "edges_left",
                            "attempts",
                            "retries",
                            "worker_deaths",
                            "lease_s",
                            "stall_after_s",
                            "events",
                        ),
                        0,
                    ),
                    django.db.models.lookups.GreaterThanOrEqual(
                        django.db.models.functions.comparison.Least("max_attempts", "timeout_s"), 1
                    ),
                    ("max_attempts__lte", 100),
                    ("priority__lte", 3),
                ),
                name="task_numbers",
            ),
        ),
    ]
