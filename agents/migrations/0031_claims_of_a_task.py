"""The ends of the claims of a task, for its page: by the running number of its events."""

from django.db import migrations

# Few of many events, see event_of_holder.
OF_SUBJECT = """
CREATE INDEX event_of_claims
ON agents_event (subject, number)
WHERE data ? 'held_s'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0030_freezes_of_the_journal"),
    ]

    operations = [
        migrations.RunSQL(OF_SUBJECT, "DROP INDEX event_of_claims"),
    ]
