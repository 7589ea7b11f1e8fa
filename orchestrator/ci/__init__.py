"""What a CI system is told of a run: pure functions of its result document and its journal.

commands   the systems whose log takes commands, and how text from outside is kept from being one
story      how a run ended, and which phases each target went through
junit      the test report;  summary  the Markdown page;  annotations  the log's own lines and the step's outputs
"""
