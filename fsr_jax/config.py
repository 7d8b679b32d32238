"""Every field of a run, with its unit and source. `configs/` override it."""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def _data() -> ConfigDict:
  d = ConfigDict()
  d.dataset = "cifar10"  # a key of sources.SOURCES
  d.data_dir = placeholder(str)  # of TFDS; None = ~/tensorflow_datasets
  d.max_examples = 0  # class-balanced training subset; 0 = everything
  d.imbalance_ratio = 1.0  # largest over smallest class; 1 = as it is
  d.noise = "none"  # none | uniform | asymmetric
  d.noise_ratio = 0.0  # fraction 0-1 of the labels that are redrawn
  d.crop_padding = 4  # pixels; 0 = no random crop
  d.flip = True  # mirror every second image
  return d


def base() -> ConfigDict:
  """The base configuration: CIFAR noise settings of the paper's Table 4."""
  c = ConfigDict()

  # What is trained.
  c.method = "fsr"  # fsr | plain (uniform weights)
  c.network = "resnet32"  # a key of models.NETWORKS
  c.seed = 0  # decides everything random, the noisy labels included

  c.data = _data()

  # Optimisation (released code).
  c.num_epochs = 127
  c.batch_size = 100  # B, over all devices
  c.learning_rate = 0.1  # peak
  c.schedule = "cosine_restarts"  # cosine_restarts | cosine | step
  c.lr_warmup_epochs = 0  # linear rise before the schedule
  c.lr_decay_epochs = (160, 180)  # schedule=step: when ...
  c.lr_decay_factors = (0.01, 0.0001)  # ... and to which share of the peak
  c.momentum = 0.9  # SGD, not Nesterov
  c.weight_decay = 5e-4  # on all parameters
  c.label_smoothing = 0.0  # fraction 0-1
  # None = what the method does: on for fsr, off for plain.
  c.mixup = placeholder(bool)
  c.ema_decay = 0.999  # ceiling of the weights' moving average

  # Re-weighting.
  c.warmup_epochs = 20  # E: before it, uniform weights and no pseudo loss
  c.dictionary_size = 2000  # K
  c.reward_batch_size = 200  # Q, over all devices
  c.lookahead_lr = 0.1  # eta, does not follow the schedule
  c.lookahead_momentum = 0.0  # share of the momentum buffer (released 0.9)
  c.weight_rule = "clip"  # clip (noise) | shift (long tail)
  c.weight_lr = 1.0  # alpha
  c.pusher = "negative_loss"  # a key of pushers.PUSHERS
  c.score_momentum = 0.9  # lambda

  # Re-labelling. None = what the method does: 2 for fsr, 0 (off) for plain.
  c.pseudo_loss_weight = placeholder(float)  # p
  c.pseudo_label_momentum = 0.1  # beta
  # True: pseudo loss and pseudo-labels use the mixed forward pass (released
  # code); saves a backward pass a step, memory too.
  c.pseudo_loss_on_mixed = False

  # Devices.
  c.num_devices = 0  # 0 = as many of this machine's as divide B and Q
  c.batch_norm_global = True  # statistics over the global batch
  c.steps_per_call = 0  # steps a compiled call; 0 = 1 on CPU, 100 elsewhere

  # Outputs.
  c.eval_every_epochs = 1
  c.eval_batch_size = 1000  # over all devices, rounded up to divide
  c.checkpoint_every_epochs = 5
  c.keep_checkpoints = 2
  c.log_every_seconds = 10.0  # at most one progress line this often
  return c.lock()  # A misspelt field in a config file is an error.


# Fields that say where and how a run is done, not what it computes: a run may
# be resumed with other values.
FREE_FIELDS = frozenset({
    "data.data_dir",
    "num_devices",
    "steps_per_call",
    "eval_every_epochs",
    "eval_batch_size",
    "checkpoint_every_epochs",
    "keep_checkpoints",
    "log_every_seconds",
})


def resolve(config: ConfigDict) -> ConfigDict:
  """A copy with the fields that follow `method` filled in."""
  config = ConfigDict(config.to_dict())
  learned = config.method == "fsr"
  if config.mixup is None:
    config.mixup = learned
  if config.pseudo_loss_weight is None:
    config.pseudo_loss_weight = 2.0 if learned else 0.0
  return config


def flatten(tree: dict, prefix: str = "") -> dict[str, object]:
  """{"data": {"flip": True}} -> {"data.flip": True}."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, dict):
      flat.update(flatten(value, f"{prefix}{key}."))
    else:
      flat[prefix + key] = value
  return flat
