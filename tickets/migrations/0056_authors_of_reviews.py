"""The database says who is an author, for reviews as for approvals."""

from django.db import migrations

from omoi_site.database import triggers

PINNED = [
    "omoi_behind(bigint[], text[])",
    "omoi_authorship(bigint, text, boolean)",
    "omoi_authors(bigint, text)",
    "omoi_reviewer_is(bigint)",
]


class Migration(migrations.Migration):
    dependencies = [("tickets", "0055_evidence_of_text"), ("agents", "0018_people_keep_their_names")]

    operations = [triggers.install(__file__, "authors_of_reviews", pinned=PINNED)]
