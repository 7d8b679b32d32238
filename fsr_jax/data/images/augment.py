"""Random crops and flips of uint8 images from given uniforms; normalisation."""

import math

import jax
import jax.numpy as jnp

from fsr_jax.data.options import DataOptions

# Tries of a random-resized crop, and its range of width / height.
_TRIES = 10
_RATIOS = (3 / 4, 4 / 3)


def uniforms_needed(options) -> int:
  """Uniforms an image takes in `augment`: top, left and mirror; for
  random-resized crops also area and ratio of every try."""
  return 3 if options.min_crop_area == 1 else 3 + 2 * _TRIES


def output_shape(
  options: DataOptions, image_shape: tuple[int, ...] | None
) -> tuple[int, ...]:
  """(H', W', channels) of what `augment` makes of (H, W, channels), or of
  pictures of any size (None)."""
  if image_shape is None:
    image_shape = (options.image_size, options.image_size, 3)
  if options.min_crop_area == 1:
    return image_shape
  return (options.image_size, options.image_size, image_shape[2])


def augment(
  options: DataOptions, uniforms: jax.Array, image: jax.Array, aspect: jax.Array
) -> jax.Array:
  """Training images as the network sees them, not normalised.

  Args:
    options: crop_padding, min_crop_area, image_size, flip.
    uniforms: float32 [B, uniforms_needed(options)] in 0-1.
    image: uint8 [B, H, W, channels].
    aspect: float32 [B], width / height before the image was made H x W.

  Returns:
    float32 [B, H', W', channels], 0-255.
  """
  if options.min_crop_area < 1:
    image = resized_crop(
      uniforms, image, aspect, options.min_crop_area, options.image_size
    )
  return crop_and_flip(
    uniforms, image, options.crop_padding, options.flip
  ).astype(jnp.float32)


def crop_and_flip(
  uniforms: jax.Array, image: jax.Array, crop_padding: int, flip: bool
) -> jax.Array:
  """Pads with zeros, crops back at a random place, mirrors every second image.

  Args:
    uniforms: float32 [B, >= 3] in 0-1: top, left, mirror of each image.
    image: [B, H, W, channels].
    crop_padding: pixels on every side; 0 = no crop.
    flip: mirror left-right with probability 1/2.

  Returns:
    Like image.

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


def crop_box(
  uniforms: jax.Array, aspect: jax.Array, min_area: float
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
  """A random part of each picture: area, then ratio, then place.

  Area is uniform, the ratio of the sides log-uniform in 3/4 to 4/3; of 10
  tries the first that fits is taken, and where none does the largest part in
  the middle whose ratio is in that range.

  Args:
    uniforms: float32 [B, 3 + 2 * tries] in 0-1.
    aspect: float32 [B], width / height of the pictures.
    min_area: least share of the area, 0-1.

  Returns:
    (top, left, height, width), each float32 [B], as shares of the picture's
    height or width.

  Source: Szegedy et al. 2015 with the constants and the fallback of
  torchvision's RandomResizedCrop.
  """
  lowest, highest = (math.log(ratio) for ratio in _RATIOS)
  u_area, u_ratio = jnp.split(uniforms[:, 3:], 2, axis=1)
  area = min_area + (1 - min_area) * u_area
  ratio = jnp.exp(lowest + (highest - lowest) * u_ratio)
  wide = aspect[:, None]
  # A crop of `ratio` is ratio / aspect times as wide as high in shares.
  width, height = jnp.sqrt(area * ratio / wide), jnp.sqrt(area * wide / ratio)
  fits = (width <= 1) & (height <= 1)
  first = jnp.argmax(fits, axis=1)[:, None]
  width, height = (
    jnp.take_along_axis(x, first, axis=1)[:, 0] for x in (width, height)
  )
  none = ~jnp.any(fits, axis=1)
  height = jnp.where(none, jnp.minimum(1.0, aspect / _RATIOS[0]), height)
  width = jnp.where(none, jnp.minimum(1.0, _RATIOS[1] / aspect), width)
  top, left = (
    jnp.where(none, 0.5, u) * (1 - size)
    for u, size in ((uniforms[:, 0], height), (uniforms[:, 1], width))
  )
  return top, left, height, width


def resized_crop(
  uniforms: jax.Array,
  image: jax.Array,
  aspect: jax.Array,
  min_area: float,
  side: int,
) -> jax.Array:
  """A random part of each picture, resized to side x side.

  Args:
    uniforms, aspect, min_area: as for `crop_box`.
    image: uint8 [B, H, W, channels], the whole picture, squeezed.
    side: pixels.

  Returns:
    float32 [B, side, side, channels], 0-255; bilinear with antialiasing.
  """

  def one(x, top, left, height, width):
    in_pixels = jnp.array(x.shape[:2], jnp.float32)
    scale = side / (in_pixels * jnp.stack([height, width]))
    start = in_pixels * jnp.stack([top, left])
    return jax.image.scale_and_translate(
      x.astype(jnp.float32),
      (side, side, x.shape[2]),
      (0, 1),
      scale,
      -start * scale,
      "linear",
      antialias=True,
    )

  box = crop_box(uniforms, aspect, min_area)
  return jax.vmap(one)(image, *box)


def normalize(image: jax.Array, mean: jax.Array, std: jax.Array) -> jax.Array:
  """(image / 255 - mean) / std.

  Args:
    image: [..., channels], 0-255.
    mean: float32 [channels], in units of 0..1.
    std: float32 [channels], in units of 0..1.

  Returns:
    float32, like image.
  """
  return (image.astype(jnp.float32) / 255.0 - mean) / std
