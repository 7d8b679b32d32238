"""What the network makes of the parts that are evaluated, asked once a step."""

from collections.abc import Iterable

from fsr_jax.train.evaluate import Outcome, named_scalars
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState


class Outcomes:
  """The parts evaluated since the last training step.

  Attributes:
    found: name of a part -> Programs.outcomes of it.
  """

  def __init__(self, programs: Programs, batch_size: int):
    """Evaluates nothing.

    Args:
      programs: Programs.
      batch_size: as for `Programs.outcomes`.
    """
    self.found: dict[str, dict[str, Outcome]] = {}
    self._programs, self._batch_size = programs, batch_size

  def forget(self) -> None:
    """Because the network is trained on."""
    self.found = {}

  def scalars(self, state: TrainState, names: Iterable[str]) -> dict:
    """`named_scalars` of these parts, evaluated unless they are already.

    Args:
      state: TrainState in place.
      names: keys of Programs.parts.
    """
    scalars: dict[str, float] = {}
    for part in names:
      if part not in self.found:
        self.found[part] = self._programs.outcomes(
          state, self._batch_size, part
        )
      scalars |= named_scalars(
        part, self.found[part], self._programs.data.num_classes
      )
    return scalars
