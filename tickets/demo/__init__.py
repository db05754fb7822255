"""The demo: a project, a ledger in Python, whose tickets go from BACKLOG to DONE by executors of this
machine.
"""
