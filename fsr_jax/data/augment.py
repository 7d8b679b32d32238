"""Random crop and flip of uint8 images from given uniforms; normalisation."""

import jax
import jax.numpy as jnp

# Uniforms an image takes.
UNIFORMS = 3


def crop_and_flip(
    uniforms: jax.Array, image: jax.Array, crop_padding: int, flip: bool
) -> jax.Array:
  """Pads with zeros, crops back at a random place, mirrors every second image.

  Args:
    uniforms: float32 [B, 3] in 0-1: top, left, mirror of each image.
    image: uint8 [B, H, W, channels].
    crop_padding: pixels on every side; 0 = no crop.
    flip: mirror left-right with probability 1/2.

  Returns:
    uint8, like image.

  Source: section 5.1 (He et al. 2016: pad 4, crop, flip).
  """

  def one(u, x):
    if crop_padding:
      pad = crop_padding
      padded = jnp.pad(x, ((pad, pad), (pad, pad), (0, 0)))
      top, left = (u[:2] * (2 * pad + 1)).astype(jnp.int32)
      x = jax.lax.dynamic_slice(padded, (top, left, 0), x.shape)
    if flip:
      x = jnp.where(u[2] < 0.5, x[:, ::-1], x)
    return x

  return jax.vmap(one)(uniforms, image)


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
