"""Every ablation of the paper, and ours: what it varies, how it is drawn."""

from collections.abc import Callable
import functools
import pathlib
from typing import NamedTuple

from benchmarks import cells, comparisons, plots
from benchmarks.scales import Scale


class Sweep(NamedTuple):
  """One experiment.

  Attributes:
    about: one line.
    source: figure or table of the paper; "Ours" where it has none.
    cells: scale -> {name: fields of the config}.
    plot: (folder with the CSV files, PNG, title) -> None.
    series: scalars of metrics.jsonl that are kept for every epoch.
  """

  about: str
  source: str
  cells: Callable[[Scale], cells.Cells]
  plot: Callable[[pathlib.Path, pathlib.Path, str], None]
  series: tuple[str, ...] = ()


def _bars(*measures):
  return functools.partial(plots.bars, measures=measures)


def _lines(xlabel, *measures):
  return functools.partial(plots.lines, measures=measures, xlabel=xlabel)


_TOP1, _EMA, _PURITY = "test_top1", "test_top1_ema", "dictionary_purity"
_RIGHT, _WRONG = "zero_weight_fraction_clean", "zero_weight_fraction_wrong"
_LOSSES = ("train_loss", "lookahead_loss")

SWEEPS = {
  "noise": Sweep(
    "plain training, its controls, FSR with and without its parts",
    "Tables 1, 2",
    cells.noise,
    _bars(_TOP1, _EMA, _PURITY),
  ),
  "pushers": Sweep(
    "every pusher, with MixUp and re-labelling and without (_raw)",
    "Figure 5, right",
    cells.pushers,
    _bars(_TOP1, _PURITY),
  ),
  "loss_curves": Sweep(
    "training loss under Θ and Θ* on a long tail",
    "Figure 5, left",
    cells.loss_curves,
    functools.partial(plots.epochs, measures=_LOSSES),
    _LOSSES,
  ),
  "purity_accuracy": Sweep(
    "dictionary purity against accuracy at four noise ratios",
    "Figure 5, middle",
    cells.purity_accuracy,
    functools.partial(plots.scatter, x=_PURITY, y=_TOP1),
  ),
  "mixup_relabel": Sweep(
    "MixUp x re-labelling, FSR and plain, 20 % and 40 % noise",
    "Figure 6",
    cells.mixup_relabel,
    _bars(_TOP1, _PURITY, _RIGHT, _WRONG),
  ),
  "dictionary_size": Sweep(
    "dictionary size of FSR against clean rewards of L2R",
    "Figure 7",
    cells.dictionary_size,
    _lines("dictionary or clean examples", _TOP1, _PURITY),
  ),
  "hyper_parameters": Sweep(
    "one hyper-parameter of FSR at a time",
    "Table 4, bottom",
    cells.hyper_parameters,
    functools.partial(plots.facets, measure=_TOP1, default="default"),
  ),
  "meta_depth": Sweep(
    "how much of the network is looked ahead, FSR and L2R",
    "Figure 4, right",
    cells.meta_depth,
    _lines("blocks in Θ^meta besides the linear layer", _TOP1),
  ),
  "batch_norm": Sweep(
    "whose statistics normalise the reward batch",
    "Ours",
    cells.batch_norm,
    _bars(_TOP1, _EMA, _PURITY),
  ),
  "lookahead_momentum": Sweep(
    "share of the momentum buffer in the look-ahead step",
    "Ours",
    cells.lookahead_momentum,
    _lines("look-ahead momentum (share)", _TOP1, _PURITY),
  ),
  "weight_rules": Sweep(
    "clip, shift and relative on noise and long tails",
    "Section 5.2",
    cells.weight_rules,
    _bars(_TOP1, _RIGHT, _WRONG, "effective_batch"),
  ),
  "steps_to_fsr": Sweep(
    "from the released form to ours, each change alone and left out",
    "Ours",
    cells.steps_to_fsr,
    _bars(_TOP1, _PURITY, "wrong_weight_share"),
  ),
  "reward_batch": Sweep(
    "rewards drawn a step, down to a tenth of the training batch",
    "Ours",
    cells.reward_batch,
    _lines("reward batch size", _TOP1, _PURITY),
  ),
  "one_pass": Sweep(
    "FSR in one pass a step and in the paper's three",
    "Ours",
    comparisons.one_pass,
    _bars(_TOP1, _EMA, _PURITY),
  ),
  "parts": Sweep(
    "FSR with a part left out, plain training with one alone",
    "Ours",
    comparisons.parts,
    _bars(_TOP1, _EMA, _PURITY),
  ),
  "equal_cost": Sweep(
    "every method trained for as many operations as fsr_exact",
    "Ours",
    comparisons.equal_cost,
    _bars(_TOP1, _EMA),
  ),
  "methods": Sweep(
    "every method, noise and long tails",
    "Tables 1, 3, 6, 7",
    comparisons.methods,
    _bars(_TOP1, _EMA),
  ),
}
