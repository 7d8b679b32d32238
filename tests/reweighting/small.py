"""A small problem for a reweighter: 20 samples, 3 classes, a linear head."""

import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import queue
from fsr_jax.reweighting import ReweightingOptions, reweighter

N, B, F, C, SLOTS = 20, 6, 4, 3, 2
LABEL = np.arange(N) % C
INDEX = np.array([3, 0, 7, 11, 19, 8])


def head(params, features):
  return features @ params["kernel"] + params["bias"]


def problem(seed=0, dtype=np.float32, **fields):
  """(Reweighter, its state, features, head parameters).

  Args:
    seed: of all numbers.
    dtype: of features and parameters.
    **fields: of ReweightingOptions; without warm-up, of the present step alone.
  """
  rng = np.random.default_rng(seed)
  options = ReweightingOptions(
    **{
      "warmup_epochs": 0,
      "weight_momentum": 0.0,
      "queue_size": SLOTS * C,
      "dictionary_size": 6,
      "dictionary_share": 0.4,
      **fields,
    }
  )
  ours = reweighter(options, num_classes=C)
  clean = jnp.arange(4) % C if options.rewards == "held_out" else None
  state = ours.init(jnp.array(LABEL), (F,), seed=seed, held_out_label=clean)
  params = {
    "kernel": rng.normal(size=(F, C)).astype(dtype),
    "bias": rng.normal(size=C).astype(dtype),
  }
  features = rng.normal(size=(B, F)).astype(dtype)
  return ours, state, jnp.array(features), jax.tree.map(jnp.array, params)


def filled(state, label=(0, 1, 1, 2, 1), seed=1):
  """The state with random features of these labels in its queue."""
  features = np.random.default_rng(seed).normal(size=(len(label), F))
  entries = queue.push(
    state.queue,
    jnp.array(features, jnp.float32),
    jnp.array(label),
    jnp.ones(len(label), bool),
  )
  return state._replace(queue=entries)


def weigh(ours, state, features, params, **more):
  """(weights, state) of the batch INDEX."""
  index = jnp.array(INDEX)
  label = jnp.array(LABEL)[index]
  logits = head(params, features)
  return jax.jit(
    lambda *arrays: ours.weigh(*arrays[:5], head, *arrays[5:], **more)
  )(state, index, label, features, logits, params)


def told(state, seed=0):
  """The state of a run that knows a third of the labels to be wrong."""
  roots = np.random.default_rng(seed).uniform(size=(N, C))
  transition = np.full((C, C), 1 / 6) + np.eye(C) / 2
  return state._replace(
    tables=state.tables._replace(mean_root=jnp.array(roots, jnp.float32)),
    noise=state.noise._replace(
      transition=jnp.array(transition, jnp.float32),
      wrong_share=jnp.float32(1 / 3),
    ),
    anchors=state.anchors._replace(settled=jnp.array(True)),
  )
