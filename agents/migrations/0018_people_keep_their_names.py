"""People keep their names: the journal and artifacts name them by these."""

from django.conf import settings
from django.db import migrations

from omoi_site.database import triggers

UNDO = """
DROP TRIGGER person_keeps_the_name ON auth_user;
DROP FUNCTION omoi_person_keeps_the_name();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0017_no_grants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        triggers.install(
            __file__, "people_keep_their_names", pinned=["omoi_person_keeps_the_name()"], undo=UNDO
        )
    ]
