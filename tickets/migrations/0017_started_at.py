from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0016_granted_profiles"),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="started_at",
            field=models.DateTimeField(
                blank=True,
                help_text="when its worker began it; for agents that are no workers, with the claim",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="worker_deaths",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="workers that died while it ran; from 2 on it runs with nothing beside it",
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="failure",
            field=models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text="`worker_lost`: it failed because its workers died",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="lane",
            name="alone",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="its tasks run with nothing beside them in their worker",
            ),
        ),
        migrations.RemoveConstraint(model_name="lane", name="lane_once"),
        migrations.AddConstraint(
            model_name="lane",
            constraint=models.UniqueConstraint(
                fields=("project", "phase", "capabilities", "has_profile", "alone"), name="lane_once"
            ),
        ),
        # what is held at this moment counts as started
        migrations.RunSQL(
            "UPDATE tickets_task SET started_at = claimed_at WHERE state = 'claimed'", migrations.RunSQL.noop
        ),
    ]
