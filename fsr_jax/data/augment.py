"""Random crop and flip of uint8 images, one key an image; normalisation."""

import jax
import jax.numpy as jnp


def crop_and_flip(
    keys: jax.Array, image: jax.Array, crop_padding: int, flip: bool
) -> jax.Array:
  """Pads with zeros, crops back at a random place, mirrors every second image.

  Args:
    keys: typed PRNG keys [B], one an image, so that the result does not depend
      on how a batch is split over devices.
    image: uint8 [B, H, W, channels].
    crop_padding: pixels on every side; 0 = no crop.
    flip: mirror left-right with probability 1/2.

  Returns:
    uint8, like image.

  Source: section 5.1 (He et al. 2016: pad 4, crop, flip).
  """
  if not (crop_padding or flip):
    return image

  def one(key, x):
    y_key, x_key, flip_key = jax.random.split(key, 3)
    if crop_padding:
      pad = crop_padding
      padded = jnp.pad(x, ((pad, pad), (pad, pad), (0, 0)))
      top = jax.random.randint(y_key, (), 0, 2 * pad + 1)
      left = jax.random.randint(x_key, (), 0, 2 * pad + 1)
      x = jax.lax.dynamic_slice(padded, (top, left, 0), x.shape)
    if flip:
      x = jnp.where(jax.random.bernoulli(flip_key), x[:, ::-1], x)
    return x

  return jax.vmap(one)(keys, image)


def normalize(image: jax.Array, mean: jax.Array, std: jax.Array) -> jax.Array:
  """(image / 255 - mean) / std.

  Args:
    image: uint8 [..., channels].
    mean: float32 [channels], in units of 0..1.
    std: float32 [channels], in units of 0..1.

  Returns:
    float32, like image.
  """
  return (image.astype(jnp.float32) / 255.0 - mean) / std
