"""Saved views of lists, and whether single letters are shortcuts, of each person."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import omoi_site.field_limits


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0028_heard_minutes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="single_letters",
            field=models.BooleanField(
                db_default=True, default=True, help_text="whether single letters are shortcuts on the pages"
            ),
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=60,
                        validators=[omoi_site.field_limits.shown, omoi_site.field_limits.not_blank],
                    ),
                ),
                ("path", models.CharField(max_length=60)),
                ("query", models.CharField(blank=True, max_length=1500)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="saved_view_name")],
            },
        ),
    ]
