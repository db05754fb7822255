"""People hold tasks through rows of agents; and what is assigned to an agent by hand is delivered to it."""

import django.core.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0025_pools"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="agent",
            name="agent_kind",
        ),
        migrations.AddField(
            model_name="agent",
            name="assigned",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="a task was assigned to it by hand, which its next claim delivers",
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("worker", "Worker"),
                    ("validator", "Validator"),
                    ("monitor", "Monitor"),
                    ("guardian", "Guardian"),
                    ("person", "Person"),
                ],
                default="worker",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="agent",
            name="name",
            field=models.CharField(
                help_text="of a person: as the journal names them",
                max_length=160,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[a-z0-9][a-z0-9._-]{0,62}\\Z",
                        "use 1 to 63 of a-z, 0-9, '.', '_' and '-'; begin with a letter or digit",
                    )
                ],
            ),
        ),
        migrations.AddIndex(
            model_name="agent",
            index=models.Index(condition=models.Q(("kind", "person")), fields=["id"], name="agent_person"),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["worker", "validator", "monitor", "guardian", "person"])),
                name="agent_kind",
            ),
        ),
    ]
