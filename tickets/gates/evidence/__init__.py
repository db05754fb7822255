"""Evidence: what the server itself reads in a submitted file.

Claims beside the file, or totals in it, do not count. Each reader takes the bytes of a file. It raises
Unreadable, or TooSlow.
"""

from tickets.gates.evidence.bounded_xml import LARGEST, TooSlow, Unreadable
from tickets.gates.evidence.changes import Changes, changed_files, changes, has_tests
from tickets.gates.evidence.claims import claimed_coverage
from tickets.gates.evidence.cobertura import Coverage, coverage
from tickets.gates.evidence.documents import Document, document, slug
from tickets.gates.evidence.json_document import json_document
from tickets.gates.evidence.json_schema import Against, json_schema, schema_fault
from tickets.gates.evidence.junit import Tests, tests
from tickets.gates.evidence.text import decode

__all__ = [
    "LARGEST",
    "Against",
    "Changes",
    "Coverage",
    "Document",
    "Tests",
    "TooSlow",
    "Unreadable",
    "changed_files",
    "changes",
    "claimed_coverage",
    "coverage",
    "decode",
    "document",
    "has_tests",
    "json_document",
    "json_schema",
    "schema_fault",
    "slug",
    "tests",
]
