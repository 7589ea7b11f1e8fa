"""The command line as a subprocess against the loopback emulator: what a user relies on, on real sockets.

Every test has a service, a subscription, a profile and a store of its own, so that one emulator serves them all at
once. Assertions are about the world, the exit code and the JSON result. `python -m tests.acceptance --all` kills the
command after every write of whole rollouts; the suite does so for a few of them.
"""
