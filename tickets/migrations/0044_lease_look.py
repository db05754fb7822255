"""A renewed lease costs no index an entry: the time to look at it is what is indexed."""

from django.db import migrations, models

from omoi_site.database import triggers

# those of claims that are held now
LOOK = "UPDATE tickets_task SET lease_look_at = lease_expires_at WHERE lease_expires_at IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0043_approvals")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="lease_look_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="when the sweep looks whether its lease has ended; never later than that",
                null=True,
            ),
        ),
        migrations.RunSQL(LOOK, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="task", name="task_lease"),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(lease_look_at__isnull=False),
                fields=["lease_look_at"],
                name="task_lease_look",
            ),
        ),
        triggers.install(__file__, "lease_look"),
    ]
