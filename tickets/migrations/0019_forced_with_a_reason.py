"""A forced move has a reason of ten characters that can be seen, also by SQL.

Moves that are there stay as they are.
"""

from typing import ClassVar

from django.db import migrations

UNSEEN = (
    r"[\u0001-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u0600-\u0605\u061c\u115f\u1160"
    r"\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
BLANKS = r"[\s\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
SHOWN = f"btrim(regexp_replace(regexp_replace(reason, '{UNSEEN}', '', 'g'), '{BLANKS}', ' ', 'g'))"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tickets", "0018_shown_names")]

    operations: ClassVar = [
        migrations.RunSQL(
            f"""ALTER TABLE tickets_phasemove ADD CONSTRAINT forced_with_a_reason
            CHECK (ground <> 'forced' OR length({SHOWN}) >= 10) NOT VALID""",
            "ALTER TABLE tickets_phasemove DROP CONSTRAINT forced_with_a_reason",
        )
    ]
