"""In which of the last 1,440 minutes each agent was heard from."""

from django.db import migrations

from omoi_site.database import sql


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0027_names_of_people"),
    ]

    operations = [
        migrations.AddField(
            model_name="agentpresence",
            name="minutes",
            field=sql.BitField(
                1440,
                db_default="0" * 1440,
                editable=False,
                help_text="those of the last day in which it was heard from, as bits: the last one is the"
                " minute of `last_seen_at`",
            ),
        ),
    ]
