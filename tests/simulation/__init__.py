"""Whole worlds in one process: the real engine and decisions, the emulated cloud, virtual clients, faults, invariants.

A world is made of one seed, so a failure is one line: `python -m tests.simulation --seed N`.
"""
