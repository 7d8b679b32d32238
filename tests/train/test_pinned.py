"""Every method's losses on digits as they were before the redesign.

`pinned_digits.json` was written by commit 7914d60, whose steps took other
paths through other code: three epochs, the first of them the warm-up.
"""

import json
import pathlib
from unittest import mock

from absl.testing import absltest, parameterized
import jax
import numpy as np

from fsr_jax import config as config_lib
from fsr_jax.config.methods import UNTOLD
from fsr_jax.data import sources
from fsr_jax.maths import randomness
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs
from tests import shrunk

PINS = json.loads(
  pathlib.Path(__file__).with_name("pinned_digits.json").read_text()
)
COMMON = {
  "data.dataset": "digits",
  "data.noise": "uniform",
  "data.noise_ratio": 0.4,
  "data.crop_padding": 0,
  "data.flip": False,
  "network": "mlp",
  "num_epochs": 3,
  "warmup_epochs": 1,
  "dictionary_size": 200,
  "reward_batch_size": 100,
}
# What `fsr` and `fsr_elr` were.
_THEN = {**config_lib.METHODS["fsr_exact"].fields, **UNTOLD}
THEN = {
  "fsr": {
    **_THEN,
    "pseudo_loss": "cross_entropy",
    "pseudo_loss_weight": 1.0,
  },
  "fsr_elr": {**_THEN, "pseudo_loss": "elr", "pseudo_loss_weight": 3.0},
}


def order_of_then(seed, epoch, num_examples, batch_size) -> np.ndarray:
  """What `randomness.epoch_order` was."""
  key = jax.random.fold_in(randomness.stream(seed, 1), epoch)
  order = np.asarray(jax.random.permutation(key, num_examples), np.int32)
  steps = num_examples // batch_size
  return order[: steps * batch_size].reshape(steps, batch_size)


@mock.patch.object(randomness, "epoch_order", order_of_then)
class PinnedTest(parameterized.TestCase):
  @parameterized.parameters(*PINS)
  def test_losses(self, name):
    pin = PINS[name]
    method = pin["fields"]["method"]
    fields = {**COMMON, **THEN.get(method, {}), **pin["fields"]}
    if method == "fsr_elr":
      fields["method"] = "fsr"
    if fields["method"] in ("mwn", "l2r"):
      fields["data.held_out"] = 100
    c = config_lib.base()
    c.update_from_flattened_dict(fields)
    options = config_lib.typed(config_lib.resolve(c)).train
    data = sources.load(options.data, 0)
    programs = Programs(options, data, Devices(1), seed=0)
    state = programs.devices.put(programs.create_state())
    losses = []
    for epoch in range(3):
      state, totals = shrunk.epoch_of(programs, state, epoch, steps_per_call=14)
      losses.append(float(totals.loss) / float(totals.steps))
    # Other machines add in other orders; a rank in a dictionary may change.
    np.testing.assert_allclose(losses, pin["loss"], rtol=2e-3, atol=5e-4)
    right = programs.evaluate(state)["test_top1"] * len(data.test)
    self.assertAlmostEqual(right, pin["right"], delta=2)

  def test_every_method_is_pinned(self):
    pinned = {pin["fields"]["method"] for pin in PINS.values()}
    later = {"fsr_exact", "logit_adjustment", "ldam_drw"}
    known = set(config_lib.METHODS)
    self.assertEqual((pinned | later) - {"fsr_elr"}, known)


if __name__ == "__main__":
  absltest.main()
