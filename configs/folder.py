"""Your own images: a folder, a list of files, or arrays.

    python main.py --config=configs/folder.py:IMAGES --workdir=runs/mine

IMAGES is one of
  a folder      IMAGES/CLASS/*.jpg, or IMAGES/train/CLASS/... and
                IMAGES/test/CLASS/...
  a manifest    .csv or .parquet with the columns path, label and, if you have
                them, clean_label, split (train, test), id
  arrays        .npz (or a folder of .npy) with image uint8 [N, H, W(, 3)], or
                feature vectors, float [N, F], and label [N]; optional
                test_image, test_label, clean_label, id

Without a test part a tenth of every class is set aside. The size of the images,
the network, K, Q and the batch follow from the data; the run prints them, and
every field can be set after the config: --config.network=resnet50. Labels from
elsewhere: --config.data.labels_file=FILE. A mirrored letter is another sign:
--config.data.flip=False.

samples.csv in the workdir lists every training image with its score, weight and
suggested label: sort it by score to find the wrong labels. No table of the
paper; hardware: 224-pixel images need an accelerator.
"""

from fsr_jax import config as config_lib
from fsr_jax.data.sources.survey import survey
from fsr_jax.errors import check

# Images at least so large get random-resized crops, as ImageNet does.
_LARGE = 96


def get_config(path: str = ""):
  check(bool(path), "configs/folder.py:IMAGES, where are the images?")
  c = config_lib.base()
  seen = survey(path, c.data)
  c.data.dataset = seen.dataset
  c.data.path = path
  if seen.vectors:
    c.network = "mlp"
    c.data.crop_padding = 0
    c.data.flip = False
  elif seen.fixed:
    c.network = "resnet32" if seen.side <= _LARGE else "resnet18"
  elif seen.side <= _LARGE:
    c.data.image_size = 32 if seen.side < 48 else 64
    c.network = "resnet32"
  else:
    c.data.image_size = 224
    c.data.crop_padding = 0
    c.data.min_crop_area = 0.08
    c.network = "resnet18" if seen.num_examples < 50_000 else "resnet50"
  c.num_epochs = 100
  c.schedule = "cosine"
  c.lr_warmup_epochs = 3
  c.warmup_epochs = 15
  # As many steps an epoch as fit a small set, at most the usual 100 a batch.
  c.batch_size = max(2, min(100, seen.num_examples // 20 // 2 * 2))
  # A twentieth of the examples, two of every class at least.
  c.dictionary_size = min(
    seen.num_examples,
    max(seen.num_examples // 20, 2 * seen.num_classes),
    max(5000, seen.num_classes),
  )
  c.reward_batch_size = min(c.dictionary_size, c.batch_size)
  return c
