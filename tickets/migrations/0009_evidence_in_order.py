"""A verdict dies too when another artifact of the same type becomes the one that is read."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0008_work")]
    operations = [migrations.RunSQL((SQL / "evidence_in_order.sql").read_text())]
