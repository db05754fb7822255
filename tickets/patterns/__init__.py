"""Patterns: documents that say how work is split, awaited, merged and joined."""
