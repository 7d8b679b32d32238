"""What no run can have written into a config.json."""

import json

from absl.testing import absltest, parameterized

from fsr_jax import config as config_lib
from fsr_jax.config import stored
from fsr_jax.errors import InputError
from tests import shrunk


def written(**changes):
  """A resolved config as JSON has it, with other values."""
  resolved = config_lib.resolve(shrunk.config())
  config = json.loads(json.dumps(resolved.to_dict()))
  config["data"] |= changes.pop("data", {})
  return config | changes


class StoredTest(parameterized.TestCase):
  def test_what_a_run_writes(self):
    stored.check_types("x", written())
    # Of another version.
    stored.check_types("x", {"data": {"gone": [1, 2]}, "old": None})

  @parameterized.parameters(
    ([],), (None,), (5,), ("{}",), ({},), ({"data": 3},), ({"data": []},)
  )
  def test_what_is_no_config(self, config):
    with self.assertRaisesRegex(InputError, "^x is not the JSON of a config;"):
      stored.check_types("x", config)

  @parameterized.parameters(
    ({"batch_size": "8"}, "^x: batch_size is 8; expected a whole number abo"),
    ({"batch_size": 8.5}, "^x: batch_size is 8.5; expected a whole number"),
    ({"mixup": 1}, "^x: mixup is 1; expected True or False$"),
    ({"network": []}, r"^x: network is \[\]; expected text$"),
    ({"learning_rate": {}}, "^x: learning_rate is a nested dict; expected a"),
    ({"lr_decay_epochs": [1, "2"]}, "lr_decay_epochs is .*; expected a whole"),
    ({"data": {"path": 3}}, "^x: data.path is 3; expected text$"),
    ({"data": {"x": {"y": 1}}}, "^x: data.x is a nested dict; expected one v"),
  )
  def test_values_of_another_type(self, changes, message):
    with self.assertRaisesRegex(InputError, message):
      stored.check_types("x", written(**changes))

  @parameterized.parameters("seed", "old")
  def test_nested_beyond_what_python_can_follow(self, name):
    deep: list = []
    for _ in range(100_000):
      deep = [deep]
    with self.assertRaisesRegex(InputError, f"{name} is a nested list; expec"):
      stored.check_types("x", written(**{name: deep}))
    while deep:  # Python would free it recursively.
      deep = deep.pop()


if __name__ == "__main__":
  absltest.main()
