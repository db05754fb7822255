"""A ticket keeps its id and key, and the event of a verdict comes only from its verdict."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0026_workflow_rows")]
    operations = [triggers.install(__file__, "identity")]
