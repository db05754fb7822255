"""A ticket follows only a workflow its project allows, and does not move while it is archived.

Projects that exist allow what their tickets use.
"""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("tickets", "0012_granted_with"), ("agents", "0008_project_workflows")]
    operations = [migrations.RunSQL((SQL / "allowed_workflows.sql").read_text())]
