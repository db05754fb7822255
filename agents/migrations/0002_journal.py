"""The journal refuses change and rings for its followers."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"
UNDO = """
DROP TRIGGER journal_only_grows ON agents_event;
DROP TRIGGER journal_is_never_emptied ON agents_event;
DROP TRIGGER journal_rings ON agents_event;
DROP FUNCTION omoi_never();
DROP FUNCTION omoi_ring();
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial")]
    operations = [migrations.RunSQL((SQL / "journal.sql").read_text(), UNDO)]
