"""Trials of a few noisy digits."""

from benchmarks.rivals import Trial
from fsr_jax.config.validation import resolve_and_load
from tests import shrunk


def trial(**fields) -> Trial:
  """Of tests/shrunk.py's config, plain training unless it says otherwise."""
  fields = {"method": "plain", "num_epochs": 3, **fields}
  _, options, data = resolve_and_load(shrunk.config(**fields))
  return Trial.of(options.train, data, options.run.seed)
