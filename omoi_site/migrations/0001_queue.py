"""The tables of the broker that needs no second server."""

from django.db import migrations
from dramatiq_postgres import schema


def make_queue(apps, editor):
    with editor.connection.cursor() as cursor:
        schema.init(cursor)


class Migration(migrations.Migration):
    initial = True
    operations = [migrations.RunPython(make_queue, migrations.RunPython.noop)]
