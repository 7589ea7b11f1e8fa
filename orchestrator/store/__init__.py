"""What is remembered: `ports` says it, `memory` and `sql` do it, `opening.open_store` gives the one a URL names.

Nothing is re-exported here, so that a command that needs only the words does not load a database toolkit.
"""
