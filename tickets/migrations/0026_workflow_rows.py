"""The phases of a workflow version are rows that the database reads from its document."""

from django.db import migrations

from omoi_site.database import triggers

PINNED = ["omoi_phase_follows_its_document()", "omoi_read_phases()"]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0025_judge")]
    operations = [triggers.install(__file__, "workflow_rows", pinned=PINNED)]
