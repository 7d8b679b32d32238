"""Images in the forms that arrays have, by hand."""

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.data.sources.pixels import pixels
from fsr_jax.errors import InputError

# [N, H, W, channels]; has 0 and 255.
BYTES = np.linspace(0, 255, 180).astype(np.uint8).reshape(2, 6, 5, 3)


class PixelsTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("bytes", lambda x: x, ()),
    ("fractions", lambda x: x / 255, ("float64 in 0..1",)),
    ("half", lambda x: (x / 255).astype(np.float16), ("float16 in 0..1",)),
    ("floats", lambda x: x.astype(np.float32), ("float32 in 0..255",)),
    ("whole", lambda x: x.astype(np.int64), ("int64 in 0..255",)),
    ("narrow", lambda x: x.astype(np.uint16), ("uint16 in 0..255",)),
    ("16 bits", lambda x: x.astype(np.uint16) * 257, ("of 16 bits",)),
    ("channels", lambda x: np.moveaxis(x, 3, 1), ("channels first",)),
    (
      "channels of fractions",
      lambda x: np.moveaxis(x, 3, 1) / 255,
      ("channels first", "float64 in 0..1"),
    ),
  )
  def test_one_form(self, form, words):
    found, notes = pixels("f", {"image": form(BYTES)})
    self.assertEqual(found["image"].dtype, np.uint8)
    # Half precision has 11 bits: no level is lost.
    np.testing.assert_array_equal(found["image"], BYTES)
    self.assertLen(notes, len(words))
    for note, word in zip(notes, words):
      self.assertIn(word, note)

  def test_grey_and_bool(self):
    found, _ = pixels("f", {"image": BYTES[..., 0]})
    np.testing.assert_array_equal(found["image"], BYTES[..., :1])
    found, notes = pixels("f", {"image": BYTES[..., 0] > 100})
    np.testing.assert_array_equal(
      found["image"][..., 0] == 255, BYTES[..., 0] > 100
    )
    self.assertIn("true or false", notes[0])

  def test_parts_are_judged_together(self):
    """A dark test part is dark, not of another scale."""
    dark = np.full((1, 6, 5, 3), 0.5)
    images = {"image": BYTES.astype(float), "test_image": dark}
    found, _ = pixels("f", images)
    np.testing.assert_array_equal(found["image"], BYTES)
    self.assertEqual(found["test_image"].max(), 0)

  def test_vectors_stay(self):
    for dtype in (np.float64, np.int32, np.uint8):
      values = np.arange(6).reshape(2, 3).astype(dtype)
      found, notes = pixels("f", {"image": values})
      self.assertEqual((found["image"].dtype, notes), (np.float32, ()))
      np.testing.assert_array_equal(found["image"], values)

  @parameterized.named_parameters(
    ("signed", BYTES / 127.5 - 1, "float64 with values from -1 to 1, of which"),
    (
      "12 bits",
      BYTES.astype(np.uint16) * 16,
      "uint16 with values from 0 to 4080",
    ),
    ("above one", BYTES / 200, "from 0 to 1.275"),
    ("large", BYTES * 1000.0, "from 0 to 255000"),
    (
      "nan",
      np.full((2, 3, 3), np.nan),
      "example 0 has values that are not fin",
    ),
    ("text", np.full((2, 3, 3), "a"), "image is <U1"),
    ("five axes", np.zeros((1,) * 5), r"\(1, 1, 1, 1, 1\); expected images"),
    ("complex", np.zeros((2, 3, 3), complex), "image is complex128"),
  )
  def test_what_is_not_plain(self, values, message):
    with self.assertRaisesRegex(InputError, message):
      pixels("f", {"image": values})

  def test_vectors_beside_images(self):
    with self.assertRaisesRegex(InputError, "test_image is .* vectors beside"):
      pixels("f", {"image": BYTES, "test_image": np.zeros((2, 90))})


if __name__ == "__main__":
  absltest.main()
