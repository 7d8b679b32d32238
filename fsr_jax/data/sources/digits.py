"""scikit-learn's handwritten digits."""

import numpy as np

from fsr_jax.data.dataset import Data, Split
from fsr_jax.data.options import DataOptions


def digits(options: DataOptions) -> Data:
  """scikit-learn's 1,797 handwritten digits of 8 x 8 pixels.

  1,400 to train and 397 to test, the same split for every seed. Ships inside
  scikit-learn; no download.
  """
  del options
  # Imported here: scikit-learn takes a second and only this source needs it.
  from sklearn.datasets import load_digits

  bunch = load_digits()
  image = (bunch.images[..., None] * (255 / 16)).astype(np.uint8)
  label = bunch.target.astype(np.int32)
  order = np.random.default_rng(0).permutation(len(label))
  everything = Split(image, label, clean_label=label)
  return Data(
    train=everything.take(order[:1400]),
    test=everything.take(order[1400:]),
    class_names=tuple(str(name) for name in bunch.target_names),
  )
