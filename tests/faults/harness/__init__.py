"""Harnesses that harm Vitral in every way a machine can, and say what it did about it. `bench/faults.py` runs them at length."""
