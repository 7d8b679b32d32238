"""Learned weights in a loop of one's own: Flax linen, Optax, wrong labels.

    python examples/own_loop.py

A network with one hidden layer learns handwritten digits of which 36 % are
labelled wrongly (40 % of the labels are drawn anew from all ten classes), once
with the same weight for every sample and once with the weights that FSR
learns. What FSR adds to a usual loop are the three lines marked FSR.
"""

import json
import pathlib
import sys

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import fsr_jax  # noqa: E402

EPOCHS, BATCH, CLASSES, WIDTH = 60, 100, 10, 128


def noisy_digits(noise: float = 0.4, seed: int = 0):
  """((image, given label) to train on, (image, right label) to test)."""
  rng = np.random.default_rng(seed)
  image, right = load_digits(return_X_y=True)
  order = rng.permutation(len(image))
  image, right = image[order].astype(np.float32) / 16, right[order]
  redrawn = rng.random(len(right)) < noise
  given = np.where(redrawn, rng.integers(0, CLASSES, len(right)), right)
  return (image[:1400], given[:1400]), (image[1400:], right[1400:])


def train(weighting: str) -> float:
  """Test accuracy after training with these weights."""
  (image, label), (test_image, test_label) = noisy_digits()
  image, label = jnp.asarray(image), jnp.asarray(label)
  backbone = nn.Sequential([nn.Dense(WIDTH), nn.relu])
  head = nn.Dense(CLASSES)
  keys = jax.random.split(jax.random.key(0))
  params = {
    "backbone": backbone.init(keys[0], image[:1]),
    "head": head.init(keys[1], jnp.zeros((1, WIDTH))),
  }
  steps = EPOCHS * (len(image) // BATCH)
  optimizer = optax.sgd(optax.cosine_decay_schedule(0.1, steps), momentum=0.9)
  options = fsr_jax.ReweightingOptions(
    weighting=weighting, weight_lr=3.0, warmup_epochs=5, queue_size=100
  )
  reweighter = fsr_jax.reweighter(options, num_classes=CLASSES)

  @jax.jit
  def step(params, opt_state, state, index):
    def loss(params):
      features = backbone.apply(params["backbone"], image[index])
      logits = head.apply(params["head"], features)
      weights, new = reweighter.weigh(  # FSR: nothing is differentiated here.
        state, index, label[index], features, logits, head.apply, params["head"]
      )
      losses = optax.softmax_cross_entropy_with_integer_labels(
        logits, label[index]
      )
      return jnp.sum(weights * losses), new

    gradient, state = jax.grad(loss, has_aux=True)(params)
    updates, opt_state = optimizer.update(gradient, opt_state)
    return optax.apply_updates(params, updates), opt_state, state

  state = reweighter.init(label, feature_shape=(WIDTH,))  # FSR
  opt_state, rng = optimizer.init(params), np.random.default_rng(1)
  for _ in range(EPOCHS):
    order = rng.permutation(len(image))[: len(image) // BATCH * BATCH]
    for index in order.reshape(-1, BATCH):
      params, opt_state, state = step(params, opt_state, state, index)
    state = reweighter.refresh(state, label)  # FSR
  features = backbone.apply(params["backbone"], test_image)
  predicted = head.apply(params["head"], features).argmax(-1)
  return float((predicted == test_label).mean())


if __name__ == "__main__":
  result = {"plain": train("uniform"), "fsr": train("lookahead")}
  print(json.dumps({name: round(x, 4) for name, x in result.items()}))
