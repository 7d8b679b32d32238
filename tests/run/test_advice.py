"""What is said where a run would take hours."""

from absl.testing import absltest, parameterized

from fsr_jax.run import advice
from tests import shrunk


class AdviceTest(parameterized.TestCase):
  def said(self, side=224, platform="cpu", channels=3, **fields):
    data = shrunk.random_data(8, 4, (side, side, channels), num_test=4)
    fields = {"network": "resnet50", "data__dataset": "folder", **fields}
    return advice.faster(shrunk.options(**fields), data, platform)

  def test_features_of_the_network_that_was_asked_for(self):
    self.assertStartsWith(
      self.said(num_epochs=7),
      "the same command with another --workdir and"
      " --config.pretrained=timm/resnet50.a1_in1k --config.frozen_backbone=True"
      " goes through the pictures once instead of 7 times",
    )
    self.assertIn(
      "pretrained=timm/resnet18.a1_in1k --config.frozen_backbone=True"
      " --config.network=resnet18 goes",
      self.said(network="resnet50_v2"),
    )
    # Where it does not follow by itself.
    self.assertIn("--config.data.flip=False", self.said(data__dataset="tfds:a"))

  @parameterized.parameters({"side": 32}, {"channels": 1})
  def test_pictures_that_published_weights_tell_little_of(self, **fields):
    self.assertEndsWith(
      self.said(**fields), "--config.network=convnet takes less"
    )
    self.assertEqual(self.said(network="convnet", **fields), "")

  @parameterized.parameters(
    {"platform": "gpu"}, {"pretrained": "x/y", "frozen_backbone": True}
  )
  def test_nothing_to_say(self, **fields):
    self.assertEqual(self.said(**fields), "")


if __name__ == "__main__":
  absltest.main()
