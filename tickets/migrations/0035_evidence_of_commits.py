"""A verdict dies too when the newest artifact is handed in again for another commit or from another path."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0034_floors_between_sweeps")]
    operations = [triggers.install(__file__, "evidence_of_commits", pinned=["omoi_evidence(bigint, text)"])]
