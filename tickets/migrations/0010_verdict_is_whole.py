"""A verdict that passed tells of every check of its gate."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0009_evidence_in_order")]
    operations = [migrations.RunSQL((SQL / "verdict_is_whole.sql").read_text())]
