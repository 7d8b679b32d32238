"""Every option of the data: where they are, what is done to them on purpose."""

import dataclasses

from fsr_jax.data.labels.imbalance import IMBALANCES
from fsr_jax.data.labels.noise import NOISES
from fsr_jax.errors import check
from fsr_jax.fields import (
  BELOW_ONE,
  FRACTION,
  NOT_NEGATIVE,
  Bound,
  field,
)

# What to do about an image that cannot be read.
ON_ERROR = ("raise", "skip")


@dataclasses.dataclass(frozen=True)
class DataOptions:
  """What a source reads, which examples stay and what becomes of them."""

  dataset: str = field(
    "cifar10",
    "Where the data are from: digits, cifar10, cifar100, folder, manifest,"
    " arrays, webvision, or tfds:NAME of any set of TFDS.",
  )
  data_dir: str | None = field(
    None,
    "Folder of the TFDS sets; none means ~/tensorflow_datasets.",
    free=True,
    place=True,
  )
  path: str | None = field(
    None,
    "Where your own data are: the folder of folder and webvision, the table"
    " (.csv, .tsv, .jsonl, .parquet) of manifest, the .npz file or folder of"
    " arrays.",
    free=True,
    place=True,
  )
  test_share: float = field(
    0.1,
    "Share of each class that is set aside for testing where the data name no"
    " test part; 0 tests nothing and trains on all of them.",
    bound=BELOW_ONE,
    usual=Bound(0, 0.5),
    unit="share 0-1",
    source="ours",
  )
  train_split: str | None = field(
    None,
    "Which part is trained on: of your own data a folder, or a value of the"
    " column split, none means the one that is called so and . that the folders"
    " are classes, whatever they are called; of TFDS a split, a slice"
    " (train[:80%]) or a sum of them, none means train; of webvision google,"
    " flickr or all, none means google.",
  )
  val_split: str | None = field(
    None,
    "Which part is evaluated while the run is going on, so that the test part"
    " is kept for its end; none means the one that is called so where there is"
    " a test part besides, unless data.test_split is set.",
  )
  test_split: str | None = field(
    None,
    "Which part is tested where there are several; none means test, else"
    " validation, of TFDS whichever has labels.",
  )
  test_from: str | None = field(
    None,
    "Other images to test on: a folder with CLASS/*.jpg, or tfds:NAME below"
    " data_dir; classes with the same names count.",
    free=True,
    place=True,
  )
  label_key: str = field(
    "label", "Which feature of a TFDS set is the label to train on."
  )
  on_error: str = field(
    "raise",
    "What to do about an image that cannot be read: raise stops the run, skip"
    " reads all images before the run and leaves out those.",
    choices=ON_ERROR,
    free=True,
  )
  labels_file: str | None = field(
    None,
    "Other training labels than those of the data, for all or some of the"
    " examples: a .npz file or a table (.csv, .tsv, .jsonl, .parquet).",
    free=True,
    place=True,
  )
  resident_gb: float = field(
    2.0,
    "Up to how large decoded pictures (of the training set, the test set, the"
    " dictionary) are held on every device; larger ones are read while steps"
    " run.",
    bound=NOT_NEGATIVE,
    unit="GB",
    source="ours",
    free=True,
  )
  image_size: int = field(
    0,
    "Side of the square that the network sees of pictures of any size; 0 means"
    " that the images have one size and stay as they are.",
    bound=Bound(0, 4096),
    usual=Bound(8, 1024),
    unit="pixels",
  )
  class_names: str | None = field(
    None,
    "Names of all classes of folder, manifest or arrays in their order,"
    " separated by commas; none means the labels that are there, numbers"
    " sorted as numbers. A class that is called nan or -1 in a table has to be"
    " listed.",
  )
  num_classes: int = field(
    0,
    "How many of the classes are used, the first ones; 0 means all.",
    bound=NOT_NEGATIVE,
    unit="classes",
  )
  max_examples: int = field(
    0,
    "How many training examples are used, the same number of each class; 0"
    " means all.",
    bound=NOT_NEGATIVE,
    unit="examples",
  )
  held_out: int = field(
    0,
    "How many examples with clean labels, the same number of each class, are"
    " taken out of the training set before its labels are made rare or wrong;"
    " rewards=held_out draws on them.",
    bound=NOT_NEGATIVE,
    unit="examples",
  )
  imbalance_ratio: float = field(
    1.0,
    "How many times as large as the smallest class the largest is made; 1"
    " leaves the classes as they are.",
    bound=Bound(1, 1e6),
  )
  imbalance: str = field(
    "exponential",
    "How class sizes fall off: exponential is a long tail, step makes half of"
    " the classes rare.",
    choices=IMBALANCES,
    source="section 5.2",
  )
  noise: str = field(
    "none",
    "How labels are made wrong on purpose: uniform redraws them, asymmetric"
    " flips them to a look-alike, pair to the next class, instance by what is"
    " in the image.",
    choices=NOISES,
  )
  noise_ratio: float = field(
    0.0,
    "Share of the labels that is redrawn (uniform) or flipped (others); of"
    " instance the mean rate of flips.",
    bound=FRACTION,
    unit="share 0-1",
  )
  crop_padding: int = field(
    4,
    "Width of the black border that training images get before they are"
    " cropped back at a random place; 0 means no random crops.",
    bound=NOT_NEGATIVE,
    unit="pixels",
    source="section 5.1",
  )
  min_crop_area: float = field(
    1.0,
    "Least share of a picture's area that a random crop covers before it is"
    " resized, 0.08 as usual for ImageNet; 1 means no such crops.",
    bound=Bound(0.001, 1),
    usual=Bound(0.05, 1),
    unit="share 0-1",
  )
  flip: bool = field(
    True,
    "Whether every second training image is mirrored left to right.",
    source="section 5.1",
  )


def crop_side(options: DataOptions) -> int | None:
  """Side of random-resized crops, pixels; None where no such are taken."""
  return options.image_size if options.min_crop_area < 1 else None


def check_options(options: DataOptions) -> None:
  """Checks the fields that depend on each other.

  Raises:
    InputError: a noise ratio without a noise; random-resized crops with
      padding or without a size.
  """
  check(
    options.noise != "none" or options.noise_ratio == 0,
    f"data.noise_ratio={options.noise_ratio} but data.noise=none; set"
    f" data.noise to one of: {', '.join(NOISES)}",
  )
  check(
    options.min_crop_area == 1
    or (options.crop_padding == 0 and options.image_size > 0),
    f"data.min_crop_area={options.min_crop_area} (random-resized crops)"
    f" with data.crop_padding={options.crop_padding} and"
    f" data.image_size={options.image_size}; expected no padding and a"
    " size above 0",
  )
