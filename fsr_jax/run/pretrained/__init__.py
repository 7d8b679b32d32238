"""Weights from elsewhere: to start from, or frozen as a source of features."""
