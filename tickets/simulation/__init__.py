"""A crew of scripted agents works a project over HTTP, and a judge reads from the journal whether it was done
once and in order.
"""
