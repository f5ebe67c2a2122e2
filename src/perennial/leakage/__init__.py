"""Checks for leakage: what makes a model look better on paper than it will be at work.

Each check has a code that never changes its meaning, one severity and one remedy, and gives one of
three answers: *pass*, *finding* or *not applicable*, which is not a pass. `docs/checks.md` is their
reference.
"""
