"""Learned weights for text, with Flax NNX: which part of SciPy is this from?

    python examples/nnx_text.py

The text is SciPy's own documentation, paragraph by paragraph, the class the
subpackage that it documents; SciPy comes with JAX, nothing is downloaded. 40 %
of the labels are drawn anew from all classes. A bag of words goes through an
embedding and a hidden layer, once with the same weight for every paragraph and
once with the weights that FSR learns.
"""

import importlib
import inspect
import json
import pathlib
import re
import sys

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import fsr_jax  # noqa: E402

PARTS = ("interpolate", "linalg", "ndimage", "optimize", "signal", "stats")
EPOCHS, BATCH, WIDTH, VOCABULARY, LENGTH = 25, 64, 64, 2000, 40


def documentation() -> tuple[list[list[str]], np.ndarray]:
  """Words of every paragraph of at least eight words, and its part."""
  texts, labels, known = [], [], set()
  for label, part in enumerate(PARTS):
    module = importlib.import_module(f"scipy.{part}")
    for name in sorted(module.__all__):
      documented = inspect.getdoc(getattr(module, name)) or ""
      for paragraph in documented.split("\n\n"):
        words = re.findall(r"[a-z]{3,}", paragraph.lower())
        if len(words) >= 8 and tuple(words) not in known:
          known.add(tuple(words))
          texts.append(words)
          labels.append(label)
  return texts, np.array(labels)


def noisy_text(noise: float = 0.4, seed: int = 0):
  """((words, given label) to train on, (words, right label) to test)."""
  rng = np.random.default_rng(seed)
  texts, right = documentation()
  found, count = np.unique(np.concatenate(texts), return_counts=True)
  frequent = found[np.argsort(-count, kind="stable")[: VOCABULARY - 1]]
  number = {word: i + 1 for i, word in enumerate(frequent)}
  words = np.zeros((len(texts), LENGTH), np.int32)  # 0: no word, or a rare one.
  for row, text in zip(words, texts):
    row[: len(text[:LENGTH])] = [number.get(w, 0) for w in text[:LENGTH]]
  order = rng.permutation(len(words))
  words, right = words[order], right[order]
  redrawn = rng.random(len(right)) < noise
  given = np.where(redrawn, rng.integers(0, len(PARTS), len(right)), right)
  cut = len(words) * 4 // 5
  return (words[:cut], given[:cut]), (words[cut:], right[cut:])


class Model(nnx.Module):
  """Mean of the words' embeddings, a hidden layer, a linear head."""

  def __init__(self, rngs: nnx.Rngs):
    self.embed = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
    self.hidden = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
    self.head = nnx.Linear(WIDTH, len(PARTS), rngs=rngs)

  def features(self, words: jax.Array) -> jax.Array:
    there = (words > 0)[..., None]
    total = jnp.sum(self.embed(words) * there, axis=1)
    mean = total / jnp.maximum(there.sum(1), 1)
    return nnx.relu(self.hidden(mean))


def train(weighting: str) -> float:
  """Test accuracy after training with these weights."""
  (words, label), (test_words, test_label) = noisy_text()
  words, label = jnp.asarray(words), jnp.asarray(label)
  model = Model(nnx.Rngs(0))
  optimizer = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)
  options = fsr_jax.ReweightingOptions(
    weighting=weighting, weight_lr=3.0, warmup_epochs=3, queue_size=120
  )
  reweighter = fsr_jax.reweighter(options, num_classes=len(PARTS))
  state = reweighter.init(label, feature_shape=(WIDTH,))
  # A head is a function of parameters and features: NNX splits it into both.
  graph, _ = nnx.split(model.head)

  def head(params, features):
    return nnx.merge(graph, params)(features)

  @nnx.jit
  def step(model, optimizer, state, index):
    def loss(model):
      features = model.features(words[index])
      params = nnx.state(model.head)
      logits = model.head(features)
      weights, new = reweighter.weigh(
        state, index, label[index], features, logits, head, params
      )
      losses = optax.softmax_cross_entropy_with_integer_labels(
        logits, label[index]
      )
      return jnp.sum(weights * losses), new

    gradient, state = nnx.grad(loss, has_aux=True)(model)
    optimizer.update(model, gradient)
    return state

  rng = np.random.default_rng(1)
  for _ in range(EPOCHS):
    order = rng.permutation(len(words))[: len(words) // BATCH * BATCH]
    for index in order.reshape(-1, BATCH):
      state = step(model, optimizer, state, index)
    state = reweighter.refresh(state, label)
  predicted = model.head(model.features(jnp.asarray(test_words))).argmax(-1)
  return float((predicted == test_label).mean())


if __name__ == "__main__":
  result = {"plain": train("uniform"), "fsr": train("lookahead")}
  print(json.dumps({name: round(x, 4) for name, x in result.items()}))
