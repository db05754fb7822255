"""The journal refuses change and rings for its followers."""

from django.db import migrations

from omoi_site.database import triggers

UNDO = """
DROP TRIGGER journal_only_grows ON agents_event;
DROP TRIGGER journal_is_never_emptied ON agents_event;
DROP TRIGGER journal_rings ON agents_event;
DROP FUNCTION omoi_never();
DROP FUNCTION omoi_ring();
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial")]
    operations = [triggers.install(__file__, "journal", undo=UNDO)]
