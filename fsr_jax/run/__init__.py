"""Runs: time, files, the terminal. The only layer with side effects."""
