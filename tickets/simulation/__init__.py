"""Scripted agents work a project over HTTP, and an audit of the journal says whether all was done once and in
order.
"""
