"""Handwritten digits with wrong labels: everything on, under a minute on a CPU.

    python main.py --config=configs/quickstart.py --workdir=runs/quickstart

1,400 training images, 40 % uniform noise (36 % wrong labels), one hidden
layer. No table of the paper; results: docs/results.md.
"""

from fsr_jax import config as config_lib


def get_config():
  c = config_lib.base()
  c.data.dataset = "digits"
  c.data.noise = "uniform"
  c.data.noise_ratio = 0.4
  c.data.crop_padding = 0  # 8 x 8 pixels, centred
  c.data.flip = False  # a mirrored digit is another sign
  c.network = "mlp"
  c.num_epochs = 60
  c.dictionary_size = 200
  c.reward_batch_size = 100
  c.checkpoint_every_epochs = 20
  c.log_every_seconds = 0.3
  return c
