"""The database works verdicts out, and the application makes them only by `omoi_judge`."""

from django.db import migrations

from omoi_site.database import triggers

PINNED = [
    "omoi_work_out_verdict()",
    "omoi_record_verdict()",
    "omoi_judge(bigint, text, int, text, jsonb, text, text)",
]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0024_texts"), ("agents", "0002_journal")]
    operations = [triggers.install(__file__, "judge", pinned=PINNED)]
