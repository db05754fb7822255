"""Scripted agents work on a project over HTTP; an audit of the journal then checks that each task was done
once and in order.
"""
