"""Processes that carry out one job of a profile after the other, for profiles with `reusable: true`."""
