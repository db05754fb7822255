"""Short conditions of the triggers on tasks and events: PostgreSQL reads them anew in each statement."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0049_history_cancelled")]

    operations = [
        triggers.install(__file__, "short_conditions", pinned=["omoi_held_since()"]),
    ]
