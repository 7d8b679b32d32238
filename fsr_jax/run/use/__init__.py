"""A trained network, used without its training data."""
