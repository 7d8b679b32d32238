"""Your own images: a folder, a list of files, or arrays.

    python main.py --config=configs/folder.py:IMAGES --workdir=runs/mine

IMAGES is one of
  a folder      IMAGES/CLASS/*.jpg, or parts of it beside each other,
                IMAGES/train/CLASS/..., test/CLASS/... and, if you have it,
                val/CLASS/...; or pictures beside a metadata.csv (or .jsonl)
                with the columns file_name and label
  a manifest    .csv, .tsv, .jsonl or .parquet with the columns path, label
                and, if you have them, clean_label, split (train, val, test), id
  arrays        .npz (or a folder of .npy) with image uint8 [N, H, W(, 3)], or
                feature vectors, float [N, F], and label [N]; optional
                clean_label, id, and the same with test_ and val_ before it

Without a test part a tenth of every class is set aside. Where there are three
parts, val is evaluated at the ends of epochs and test once at the end;
--config.data.train_split, val_split and test_split name parts that are called
otherwise. The size of the images, the network, K, Q and the batch follow from
the data once all flags are known; the run prints them, and every field can be
set: --config.network=resnet50. Labels from elsewhere:
--config.data.labels_file=FILE. A mirrored letter is another sign:
--config.data.flip=False.

samples.csv in the workdir lists every training image with the probability that
its label is right and the label that it should be, the worst first. No table of
the paper; hardware: 224-pixel images need an accelerator, or
--config.pretrained=FILE --config.frozen_backbone=True (docs/features.md), which
takes minutes on a CPU.
"""

from fsr_jax import config as config_lib


def get_config(path: str = ""):
  # What is open in it is filled in once all flags are known.
  return config_lib.of_own_data(path or None)
