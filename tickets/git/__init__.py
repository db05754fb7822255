"""Omoi's own git: one bare mirror of each repository, which no job can write, and what is read from it.

It knows no rows. `tickets.models.repository` says which repositories there are and who may name one.
"""
