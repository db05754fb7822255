"""The row of a person cannot become that of an agent, or the other way round."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0026_people"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(kind="person", name__startswith="user:")
                | ~models.Q(kind="person") & ~models.Q(name__contains=":"),
                name="agent_name_of_its_kind",
            ),
        ),
    ]
