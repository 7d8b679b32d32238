"""What configs/folder.py makes of the user's data."""

from absl.testing import absltest
import numpy as np

from fsr_jax.data.options import DataOptions
from fsr_jax.data.sources.survey import Survey, survey
from tests.data.own import OwnDataTest, tree


class SurveyTest(OwnDataTest):
  def test_feature_vectors(self):
    from configs import folder

    np.savez(
      self.root / "DATA.NPZ",
      image=np.zeros((40, 5), np.float32),
      label=np.arange(40) % 2,
    )
    (self.root / "DATA.NPZ.npz").rename(self.root / "DATA.NPZ")
    config = folder.get_config(str(self.root / "DATA.NPZ"))
    self.assertEqual(config.network, "mlp")
    self.assertFalse(config.data.flip)
    self.assertEqual(config.data.crop_padding, 0)

  def test_typed_options(self):
    seen = survey(str(tree(self.root)), DataOptions())
    # 12 pictures of 12 x 9 pixels, one of each class set aside.
    self.assertEqual(seen, Survey("folder", 10, 2, 9, False, False))


if __name__ == "__main__":
  absltest.main()
