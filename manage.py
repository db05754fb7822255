#!/usr/bin/env python3
"""Runs Omoi's commands; the first time it installs what they need beside this file."""
# An older Python must be able to parse this file, so that it can print that it is too old.
# ruff: noqa: UP031, UP036

import os
import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):
        names = ["python3.%d" % minor for minor in range(11, 16)]
        folders = os.environ.get("PATH", "").split(os.pathsep)
        newer = [
            name
            for name in names
            if any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders)
        ]
        wayout = (
            "You have a newer one: %s" % newer[-1]
            if newer
            else "Install a newer one and run this with it: %s" % names[1]
        )
        words = (sys.version_info[0], sys.version_info[1], sys.executable, wayout, " ".join(sys.argv))
        sys.exit("Omoi needs Python 3.11 or newer, and this is %d.%d (%s). %s %s" % words)

    # below the check of the version: older Pythons cannot read these files
    from omoi_site.setup import bootstrap

    bootstrap.ensure_installed(sys.argv)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omoi_site.settings")
    # Django is there only once the packages are
    from omoi_site.command_line import CommandLine

    CommandLine(sys.argv).execute()
