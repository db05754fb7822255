"""Tasks that cancel what they no longer need when they go on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0070_cannot_go_on"),
    ]

    operations = [
        migrations.CreateModel(
            name="OthersCancelled",
            fields=[
                (
                    "task",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="cancels_others",
                        serialize=False,
                        to="tickets.task",
                    ),
                ),
                ("waits", models.BooleanField(default=True)),
            ],
            options={
                "verbose_name_plural": "others cancelled",
                "indexes": [
                    models.Index(
                        condition=models.Q(("waits", True)), fields=["task"], name="others_cancelled_waits"
                    )
                ],
            },
        ),
    ]
