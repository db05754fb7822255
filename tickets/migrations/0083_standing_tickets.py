from django.db import migrations, models

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0082_wait_gaps"),
    ]

    operations = [
        triggers.install(__file__, "standing_tickets", pinned=["omoi_standing(bigint, bigint, text, int)"]),
        migrations.AddField(
            model_name="ticketwait",
            name="room_id",
            field=models.BigIntegerField(help_text="the full phase in which it waits for room", null=True),
        ),
        migrations.AddIndex(
            model_name="ticketwait",
            index=models.Index(
                condition=models.Q(("room_id__isnull", False)),
                fields=["project_id", "room_id", "who"],
                name="ticketwait_room",
            ),
        ),
    ]
