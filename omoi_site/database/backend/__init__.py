"""Django's PostgreSQL back end, whose transactions carry hints."""
