"""The gate checks that Omoi ships, one module per family. Importing this package registers them.

Each takes the newest artifact of a type from the case (`tickets.models.gate.verdict.Case`) and reads it.
"""

from tickets.gates.checks import approvals, changes, commits, criteria, documents, json_files, reports, tasks

__all__ = ["approvals", "changes", "commits", "criteria", "documents", "json_files", "reports", "tasks"]
