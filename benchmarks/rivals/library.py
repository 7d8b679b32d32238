"""The library's own methods among their rivals, in the same trials.

`_twice` is the same method trained for twice as many epochs: it stands beside
the methods that train two networks or pass every batch twice.
"""

from benchmarks.cells import BEFORE
from benchmarks.rivals.protocol import Result, Rival, Trial
from fsr_jax.run.steps import epoch_steps
from fsr_jax.train.parallel import Devices
from fsr_jax.train.programs import Programs
from fsr_jax.train.state import TrainState


def trained(trial: Trial) -> tuple[Programs, TrainState]:
  """A run of the library after its last epoch."""
  programs = Programs(trial.options, trial.data, Devices(1), trial.seed)
  state = programs.devices.put(programs.create_state())
  for epoch in range(trial.num_epochs):
    for _, after, _ in epoch_steps(programs, state, epoch, trial.seed):
      state = after
    state = programs.end_epoch(state, epoch)
  return programs, state


def train(trial: Trial) -> Result:
  """A run of the library; of methods that draw no reward batches.

  One pass a step as plain training, two where un-mixed images have their own.
  """
  programs, state = trained(trial)
  passes = 2.0 if trial.options.passes_unmixed else 1.0
  return Result(programs.outcomes(state)[""].predicted, passes)


def train_twice(trial: Trial) -> Result:
  """A run of the library of twice as many epochs."""
  longer = trial.with_options("optimization", num_epochs=2 * trial.num_epochs)
  found = train(longer)
  return found._replace(passes=2 * found.passes)


_ROWS: dict[str, dict] = {
  "plain": {},
  "plain_mixup": {"mixup": True},
  "gce": {"method": "gce"},
  "elr_mixup": {"method": "elr", "mixup": True},
  "logit_adjustment": {"method": "logit_adjustment"},
  "fsr": {"method": "fsr"},
  **BEFORE,
}
RIVALS = {name: Rival(train, fields) for name, fields in _ROWS.items()}
RIVALS |= {
  f"{name}_twice": Rival(train_twice, _ROWS[name])
  for name in ("plain_mixup", "elr_mixup", "fsr")
}
