"""One training step, one evaluation, on any number of devices."""
