"""Lists of tickets read one index of their project, in the order they are shown in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0015_texts"),
        ("tickets", "0027_identity"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="ticket",
            name="ticket_board",
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", True)),
                fields=["project", "id"],
                name="ticket_list",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", False)),
                fields=["project", "id"],
                name="ticket_archived",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", True)),
                fields=["project", "phase", "id"],
                name="ticket_board",
            ),
        ),
    ]
