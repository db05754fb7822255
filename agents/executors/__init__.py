"""Executors carry out what a profile says: a plain brief in, a plain ending out.

They know no database and run in processes of their own; see `run`. This file imports nothing, because the
spawner and the supervisors of jobs start without Django.
"""
