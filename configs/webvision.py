"""WebVision 1.0, its first 50 classes: the paper's Table 5.

    python main.py --workdir=runs/webvision \\
        --config=configs/webvision.py --config.data.path=WEBVISION

WEBVISION holds the official archives info.tar, google_resized_256.tar and
val_images_256.tar (data.vision.ee.ethz.ch/cvl/webvision), unpacked there:
info/, google/, val_images_256/. 65,944 images to train on, 2,500 to test. All
classes and both search engines: --config.data.num_classes=0
--config.data.train_split=all, with flickr_resized_256.tar.

The same network on ImageNet's validation images of these classes, a folder
IMAGENET/n01440764/*.JPEG, ... or TFDS's set (tfds:imagenet2012):

    python main.py --mode=evaluate --workdir=runs/webvision \\
        --config=configs/webvision.py --config.data.path=WEBVISION \\
        --config.data.test_from=IMAGENET

Hardware of the paper: 8 GPUs. Images are read while steps run; the dictionary's
are 1 GB in the memory of each device.

Paper, ResNet-50, top-1 / top-5: WebVision 74.9 / 88.2 %, ImageNet 72.3 /
87.2 %. Ours: not yet run. With --config.method=fsr_released add
--config.pseudo_loss_weight=1 (Table 4).
"""

from fsr_jax import config as config_lib


def get_config():
  c = config_lib.base()
  c.update(config_lib.TABLE_4["webvision"])
  c.data.dataset = "webvision"
  c.data.num_classes = 50
  c.data.image_size = 224
  c.data.crop_padding = 0
  c.data.min_crop_area = 0.08
  c.network = "resnet50_v2"
  # Released code; the schedule of base() after the linear rise.
  c.num_epochs = 3 + 127
  c.lr_warmup_epochs = 3
  c.weight_decay = 1e-4
  return c
