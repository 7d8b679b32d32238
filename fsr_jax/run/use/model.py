"""A trained network with all that is needed to use it, and no data."""

from collections.abc import Iterator

import jax
import numpy as np
import safetensors.numpy

from fsr_jax import archives
from fsr_jax.data.dataset import Data
from fsr_jax.data.images.reader import BATCH, Encoded, batches
from fsr_jax.errors import check, choose
from fsr_jax.files import place, replacing
from fsr_jax.maths import prior as priors
from fsr_jax.maths.collectives import Tree
from fsr_jax.run.digests import named
from fsr_jax.run.pretrained import extractors
from fsr_jax.run.use import description as descriptions
from fsr_jax.run.use import kept_parameters
from fsr_jax.run.use.description import Description, describe
from fsr_jax.run.use.kept_parameters import PARAMETERS
from fsr_jax.run.use.stages import (
  EXTRACTOR,
  NETWORK,
  compiled,
  filled,
  plain_names,
)
from fsr_jax.run.workdir import Workdir
from fsr_jax.train.options import TrainOptions
from fsr_jax.train.state import TrainState

ARRAYS = "model.safetensors"


class Model:
  """A trained network, used without its training data.

  Attributes:
    description: Description: classes, inputs, network.
    arrays: {stage: its arrays}, on the device.
  """

  def __init__(self, description: Description, arrays: Tree):
    self.description = description
    self.arrays = jax.device_put(arrays)

  @classmethod
  def of(
    cls,
    options: TrainOptions,
    data: Data,
    state: TrainState,
    parameters: str = "last",
    extractor: Tree | None = None,
  ) -> "Model":
    """The network of a run in memory.

    Args:
      options, data: of the run; data of pictures where a backbone is frozen.
      state: its state, numpy arrays.
      parameters: "last" of the last step, or "ema", their moving average.
      extractor: arrays of the frozen backbone, Run.extractor.
    """
    choose("parameters", parameters, PARAMETERS)
    fields = PARAMETERS[parameters]
    arrays = {ours: getattr(state, field) for ours, field in fields.items()}
    arrays["statistics"] = state.statistics
    first = {} if extractor is None else {EXTRACTOR: extractor}
    return cls(describe(options, data), {**first, NETWORK: arrays})

  @classmethod
  def from_workdir(
    cls, path: str, parameters: str = "last", allow_code: bool = False
  ) -> "Model":
    """The network of a run's newest checkpoint; reads none of its data.

    Args:
      path: of the run's workdir.
      parameters: as for `of`, or a key of BEST.
      allow_code: as for `description.read_allowed`.

    Raises:
      InputError: no run, no checkpoint, a damaged one, or one of an earlier
        version, which did not describe its model; code that is not allowed.
    """
    work = Workdir(path)
    found, kept = kept_parameters.read(work, parameters)
    description = descriptions.read_allowed(work.path, allow_code)
    given = {f"{NETWORK}.{name}": array for name, array in found.items()}
    if description.extractor is not None:
      _, arrays = extractors.load(work.path, description.extractor.network)
      given |= {f"{EXTRACTOR}.{n}": x for n, x in named(arrays).items()}
    return cls(description, filled(description, given, kept))

  @classmethod
  def load(
    cls, path: str, parameters: str = "last", allow_code: bool = False
  ) -> "Model":
    """A model that `save` saved, or the network of a run.

    Args:
      path: folder of the model, or workdir of the run.
      parameters, allow_code: as for `from_workdir`.

    Raises:
      InputError: neither is there, or it is damaged; code that is not allowed.
    """
    directory = place(path)
    if not (directory / ARRAYS).exists():
      return cls.from_workdir(path, parameters, allow_code)
    check(
      parameters == "last",
      f"parameters={parameters}, but {directory} is a saved model, which has"
      " one set of them; choose when it is saved",
    )
    description = descriptions.read_allowed(directory, allow_code)
    file = directory / ARRAYS
    found, _ = archives.safetensors(file)
    names = {theirs: n for n, theirs in plain_names(description).items()}
    given = {names.get(name, name): array for name, array in found.items()}
    return cls(description, filled(description, given, file))

  def save(self, path: str) -> None:
    """Writes model.json and model.safetensors, over a model that is there.

    Args:
      path: of a folder, made if it is missing.

    Raises:
      InputError: a file of another kind, or a run, is there.
    """
    directory = place(path).absolute()
    for name in ("config.json", "checkpoints"):
      check(
        not (directory / name).exists(),
        f"{directory} is the workdir of a run; save the model elsewhere",
      )
    for name in (descriptions.NAME, ARRAYS):
      check(
        not (directory / name).exists() or descriptions.is_there(directory),
        f"{directory} has a file {name} that is of no model; save the model in"
        " another folder",
      )
    with replacing(directory / ARRAYS) as partial:
      safetensors.numpy.save_file(self.plain(), partial)
      # Until both are whole the folder holds no model, rather than a mixture.
      (directory / descriptions.NAME).unlink(missing_ok=True)
    descriptions.write(directory, self.description)

  def plain(self) -> dict[str, np.ndarray]:
    """Its arrays by the names that they have in a saved model."""
    names = plain_names(self.description)
    return {names[n]: np.array(x) for n, x in named(self.arrays).items()}

  def logits(
    self, x: np.ndarray | Encoded, batch_size: int = BATCH
  ) -> Iterator[np.ndarray]:
    """What the network says of images, some of them at a time.

    Args:
      x: uint8 [n, H, W, channels] of the size that it was trained on (of one
        channel [n, H, W] too), vectors [n, F], or Encoded pictures.
      batch_size: images at a time.

    Yields:
      float32 [b, C], of consecutive images.

    Raises:
      InputError: images of another size or type, vectors that are not finite;
        a file is gone or is no image, which is named.
    """
    for image, size in batches(self._checked(x), batch_size):
      yield self.batch_logits(image, size)

  def batch_logits(self, image: np.ndarray, size: int) -> np.ndarray:
    """What the network says of one batch.

    Args:
      image: as for `logits`, b of them.
      size: to which they are padded.

    Returns:
      float32 [b, C].
    """
    padding = [(0, size - len(image)), *[(0, 0)] * (image.ndim - 1)]
    said = compiled(self.description)(self.arrays, np.pad(image, padding))
    return np.asarray(said)[: len(image)]

  def predict_proba(
    self,
    x: np.ndarray | Encoded,
    batch_size: int = BATCH,
    prior: np.ndarray | None = None,
  ) -> np.ndarray:
    """Probabilities of the classes.

    Args:
      x, batch_size: as for `logits`.
      prior: float [C], shares of the classes where the model is used, if they
        are not those that its predictions are for: those of its training
        labels or, with logit_adjustment=1, equal ones. See
        `maths.prior.adjust`.

    Returns:
      float32 [n, C].

    Raises:
      InputError: as `logits`, or a prior that is none.
    """
    found = [self.probabilities(x, prior) for x in self.logits(x, batch_size)]
    none = np.zeros((0, self.description.num_classes), np.float32)
    return np.concatenate([none, *found])

  def adjusted(
    self, logits: np.ndarray, prior: np.ndarray | None
  ) -> np.ndarray:
    """Logits under another prior; the same ones where it is None.

    Args:
      logits: float32 [b, C].
      prior: as for `predict_proba`.

    Raises:
      InputError: a prior that is none.
    """
    if prior is None:
      return logits
    prior = np.asarray(prior, np.float32)
    size = self.description.num_classes
    check(
      prior.shape == (size,)
      and bool(np.isfinite(prior).all() and (prior >= 0).all())
      and prior.sum() > 0,
      f"prior {prior.shape}; expected a share of each of the {size} classes,"
      " 0 or more, not all of them 0",
    )
    # Quotients are what counts; sums of 1 keep the numbers small.
    share = self.description.expected_share
    return np.asarray(priors.adjust(logits, share, prior / prior.sum()))

  def probabilities(
    self, logits: np.ndarray, prior: np.ndarray | None = None
  ) -> np.ndarray:
    """float32 [b, C], of logits [b, C]; prior as for `adjusted`."""
    # In NumPy: there are as many shapes as numbers of images, each of which
    # would be compiled.
    said = self.adjusted(logits, prior)
    exp = np.exp(said - said.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)

  def _checked(self, x: np.ndarray | Encoded) -> np.ndarray | Encoded:
    """Inputs in the form that the network takes."""
    shape = self.description.image_shape
    if not isinstance(x, Encoded):
      x = np.asarray(x)
      if x.ndim == 3 and shape[2:] == (1,):
        x = x[..., None]
    vectors = self.description.vectors
    right = x.shape[1:] == shape and (
      isinstance(x, Encoded)
      or (x.dtype.kind in "fiu" if vectors else x.dtype == np.uint8)
    )
    kind = "numbers" if vectors else "uint8, 0..255,"
    check(
      right,
      f"inputs are {getattr(x, 'dtype', 'pictures')} {list(x.shape)}; expected"
      f" {kind} [n, {', '.join(map(str, shape))}], as the network was trained"
      " on",
    )
    if not vectors or isinstance(x, Encoded):
      return x
    with np.errstate(over="ignore"):
      x = x.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(1))
    check(
      not bad.size,
      f"vector {bad[0] if bad.size else ''} has values that are not finite",
    )
    return x
