"""Every field of a run, with its unit and source. `configs/` override it."""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from fsr_jax.config.methods import METHODS, PARTS, TABLE_4
from fsr_jax.errors import check


def _data() -> ConfigDict:
  d = ConfigDict()
  d.dataset = "cifar10"  # a key of sources.SOURCES, or tfds:NAME
  d.data_dir = placeholder(str)  # of TFDS; None = ~/tensorflow_datasets
  # Of folder, manifest, arrays and webvision: root, .csv or .parquet file,
  # .npz file, root.
  d.path = placeholder(str)
  d.test_share = 0.1  # of each class, where those name no test part
  # Of TFDS, None = train; of webvision google (None), flickr or all.
  d.train_split = placeholder(str)
  # Of TFDS; None = test, else validation, whichever has labels.
  d.test_split = placeholder(str)
  # Other test images: a folder CLASS/*.jpg, or tfds:NAME below data_dir, of
  # which the classes count that have the same names.
  d.test_from = placeholder(str)
  d.label_key = "label"  # of TFDS: the feature that is the given label
  # Of an image that cannot be read: raise, or skip, which reads all of them
  # before the run and leaves those out.
  d.on_error = "raise"
  d.labels_file = placeholder(str)  # other training labels: .npz, .csv
  # Decoded pictures of up to so many GB (of the training set, the test set, the
  # dictionary) are held on every device; more are read while steps run.
  d.resident_gb = 2.0
  # Pixels a side as the network sees them, of pictures of any size; 0 = the
  # images have one size and stay as they are.
  d.image_size = 0
  d.num_classes = 0  # the source's first so many; 0 = all
  d.max_examples = 0  # class-balanced training subset; 0 = everything
  # Class-balanced examples with clean labels, taken out of the training set
  # before the imbalance and the noise; for rewards=held_out.
  d.held_out = 0
  d.imbalance_ratio = 1.0  # largest over smallest class; 1 = as it is
  d.imbalance = "exponential"  # exponential (a long tail) | step
  d.noise = "none"  # none | uniform | asymmetric | pair | instance
  # Fraction 0-1 of the labels that are redrawn (uniform) or flipped; of
  # instance the mean flip rate.
  d.noise_ratio = 0.0
  d.crop_padding = 4  # pixels; 0 = no random crop
  # Random-resized crops: least share of the area, 0-1 (0.08 for ImageNet); 1 =
  # none.
  d.min_crop_area = 1.0
  d.flip = True  # mirror every second image
  return d


def _optimisation(c: ConfigDict) -> None:
  """Optimisation (released code)."""
  c.num_epochs = 127
  c.batch_size = 100  # B, over all devices
  c.learning_rate = 0.1  # peak
  c.schedule = "cosine_restarts"  # cosine_restarts | cosine | step
  c.lr_warmup_epochs = 0  # linear rise before the schedule
  c.lr_decay_epochs = (160, 180)  # schedule=step: when ...
  c.lr_decay_factors = (0.01, 0.0001)  # ... and to which share of the peak
  c.momentum = 0.9  # SGD, not Nesterov
  c.weight_decay = 5e-4  # on all parameters
  c.ema_decay = 0.999  # ceiling of the weights' moving average


def _parts(c: ConfigDict) -> None:
  """The parts a method is made of; None = as METHODS and PARTS say."""
  c.weighting = placeholder(str)  # uniform | lookahead | weight_net
  c.rewards = placeholder(str)  # dictionary | held_out
  c.meta_blocks = placeholder(int)  # of Theta^meta; 0 = head, -1 = everything
  c.loss = placeholder(str)  # a key of objective.LOSSES
  c.class_balanced = placeholder(bool)  # losses times a weight of their class
  c.label_smoothing = placeholder(float)  # fraction 0-1
  c.mixup = placeholder(bool)
  c.remix = placeholder(bool)  # MixUp whose labels favour the smaller class

  # Re-labelling.
  c.pseudo_loss = placeholder(str)  # cross_entropy | elr
  c.pseudo_loss_weight = placeholder(float)  # p; 0 = no re-labelling
  c.pseudo_label_momentum = placeholder(float)  # beta
  # True: pseudo loss and pseudo-labels use the mixed forward pass (released
  # code); saves a backward pass a step, memory too.
  c.pseudo_loss_on_mixed = placeholder(bool)

  # Re-weighting.
  # With MixUp, learn the weights of the mixed samples (True; paper) or of the
  # un-mixed ones, whose labels then carry them into the mix?
  c.weigh_mixed = placeholder(bool)
  c.weight_rule = placeholder(str)  # relative | clip | shift
  # Is a sample's g divided by the length of its own gradient?
  c.per_length = placeholder(bool)
  # Share of the momentum buffer in the look-ahead gradient.
  c.lookahead_momentum = placeholder(float)
  c.reward_batch_norm = placeholder(str)  # statistics: own | joint | running
  c.pusher = placeholder(str)  # a key of pushers.PUSHERS
  # Fraction 0-1 of each class that may be trusted, of which K/C are drawn each
  # epoch; 0 = always the K/C best (paper).
  c.dictionary_share = placeholder(float)

  # Constants of those parts.
  c.focal_gamma = 2.0
  c.gce_q = 0.7  # towards 0 cross entropy, 1 = half the absolute error
  c.transition = "estimated"  # known | estimated, for loss=forward_correction
  c.class_balance_beta = 0.9999
  c.remix_ratio = 3.0  # of class sizes, from which on the smaller takes all
  c.weight_net_lr = 1e-3  # of Adam
  c.weight_lr = 1.0  # alpha: of relative and shift; cancels in clip
  c.lookahead_lr = 0.1  # eta, does not follow the schedule
  c.score_momentum = 0.9  # lambda


def base() -> ConfigDict:
  """The base configuration: CIFAR noise settings of the paper's Table 4."""
  c = ConfigDict()

  # What is trained.
  c.method = "fsr"  # a key of METHODS
  c.network = "resnet32"  # a key of models.NETWORKS or package.module:function
  # Where its weights start: the workdir of another run, or a .safetensors file
  # of a ResNet with torchvision's names (timm's too); None = random.
  c.pretrained = placeholder(str)
  c.seed = 0  # decides everything random, the noisy labels included
  c.data = _data()
  _optimisation(c)
  _parts(c)

  # Their size depends on the data.
  c.warmup_epochs = 20  # E: before it, uniform weights and no pseudo loss
  c.dictionary_size = 2000  # K
  c.reward_batch_size = 200  # Q, over all devices

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
# be resumed with other values (on the same training labels, which it compares).
FREE_FIELDS = frozenset(
  {
    "data.data_dir",
    "data.path",
    "data.test_from",
    "data.resident_gb",
    "data.labels_file",
    "data.on_error",
    "num_devices",
    "steps_per_call",
    "eval_every_epochs",
    "eval_batch_size",
    "checkpoint_every_epochs",
    "keep_checkpoints",
    "log_every_seconds",
  }
)


def resolve(config: ConfigDict) -> ConfigDict:
  """A copy in which the parts left open are filled in from the method."""
  config = ConfigDict(config.to_dict())
  for field, default in PARTS.items():
    if config[field] is None:
      config[field] = METHODS[config.method].get(field, default)
  return config


def arguments(given: str, **defaults: str | float) -> list:
  """What follows the colon of --config=FILE.py:A,B,C.

  Args:
    given: values separated by commas.
    **defaults: name -> value of what is left out; a number says that a number
      is expected.

  Returns:
    One value for each of `defaults`.

  Raises:
    InputError: too many, or no number where one is expected.
  """
  parts = [part.strip() for part in given.split(",")] if given else []
  check(
    len(parts) <= len(defaults),
    f"{given} has {len(parts)} parts; expected {','.join(defaults).upper()}",
  )
  values = parts + list(defaults.values())[len(parts) :]
  for i, (name, default) in enumerate(defaults.items()):
    if not isinstance(default, str):
      try:
        values[i] = float(values[i])
      except ValueError:
        words = name.replace("_", " ")
        check(False, f"{words} {values[i]!r} is not a number")
  return values


def flatten(tree: dict, prefix: str = "") -> dict[str, object]:
  """{"data": {"flip": True}} -> {"data.flip": True}."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, dict):
      flat.update(flatten(value, f"{prefix}{key}."))
    else:
      flat[prefix + key] = value
  return flat


__all__ = [
  "FREE_FIELDS",
  "METHODS",
  "TABLE_4",
  "arguments",
  "base",
  "flatten",
  "resolve",
]
