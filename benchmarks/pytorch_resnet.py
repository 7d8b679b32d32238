"""Images a second of a plain training step in PyTorch, to be set beside ours.

    python benchmarks/pytorch_resnet.py --network=resnet50 --batch_size=128

pip install torch. On random images that are on the device already: each step
takes its batch out of them, then forward pass, cross entropy, backward pass
and SGD with momentum, in bfloat16 (autocast) and channels-last. In three ways:
as it is ("eager"), compiled ("torch.compile"), and compiled with CUDA graphs
("torch.compile with CUDA graphs"), which launch a pass as one, as our calls of
many steps do. A line of JSON for each: {"way", "images_per_second", "problem",
...}.
"""

import argparse
import collections
import json
import pathlib
import statistics
import sys
import time

# Works without installing anything.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from fsr_jax.errors import InputError, check, choose

# Of torch.compile; None = not compiled.
WAYS = {
  "eager": None,
  "torch.compile": "default",
  "torch.compile with CUDA graphs": "reduce-overhead",
}
# ResNets of 32 x 32 images -> blocks a stage.
_SMALL = {"resnet8": 1, "resnet32": 5}
NETWORKS = (*_SMALL, "resnet50")
_ROUNDS = 3
_WARM = 5  # Steps; the first compiles.


def _torch():
  try:
    import torch
  except ImportError as error:
    raise InputError(f"torch is not installed ({error})") from error
  return torch


def build(name: str, num_classes: int):
  """The network of this name, of float [B, 3, H, W].

  Raises:
    InputError: an unknown one; torch is not installed.
  """
  choose("network", name, NETWORKS)
  _torch()
  if name in _SMALL:
    return small_resnet(_SMALL[name], num_classes)
  return resnet50(num_classes)


def _convolution(before: int, after: int, side: int, stride: int = 1):
  """Convolution that keeps the size, but for its stride; without bias."""
  from torch import nn

  return nn.Conv2d(before, after, side, stride, side // 2, bias=False)


def small_resnet(blocks: int, num_classes: int):
  """ResNet-(6 n + 2) for 32 x 32 images (He et al. 2016, section 4.2).

  Shortcuts without parameters (option A), as models/resnet.py has them.

  Args:
    blocks: n, of each of three stages.
    num_classes: C.
  """
  from torch import nn
  from torch.nn import functional

  class Block(nn.Module):
    def __init__(self, before, after, stride):
      super().__init__()
      self.stride, self.extra = stride, after - before
      self.conv1 = _convolution(before, after, 3, stride)
      self.conv2 = _convolution(after, after, 3)
      self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, x):
      y = functional.relu(self.bn1(self.conv1(x)))
      y = self.bn2(self.conv2(y))
      if self.extra:
        x = x[:, :, :: self.stride, :: self.stride]
        half = self.extra // 2
        x = functional.pad(x, (0, 0, 0, 0, half, self.extra - half))
      return functional.relu(x + y)

  layers = [_convolution(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU()]
  before = 16
  for after in (16, 32, 64):
    for block in range(blocks):
      stride = 2 if after > 16 and block == 0 else 1
      layers.append(Block(before, after, stride))
      before = after
  pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
  return nn.Sequential(*layers, *pool, nn.Linear(64, num_classes))


def resnet50(num_classes: int):
  """ResNet-50 v1.5 (He et al. 2016a), its parameters named as torchvision's."""
  from torch import nn
  from torch.nn import functional

  norm = nn.BatchNorm2d

  class Bottleneck(nn.Module):
    def __init__(self, before, width, stride):
      super().__init__()
      after = 4 * width
      self.conv1, self.bn1 = _convolution(before, width, 1), norm(width)
      self.conv2, self.bn2 = _convolution(width, width, 3, stride), norm(width)
      self.conv3, self.bn3 = _convolution(width, after, 1), norm(after)
      self.downsample = nn.Identity()
      if before != after:
        self.downsample = nn.Sequential(
          _convolution(before, after, 1, stride), norm(after)
        )

    def forward(self, x):
      y = functional.relu(self.bn1(self.conv1(x)))
      y = functional.relu(self.bn2(self.conv2(y)))
      y = self.bn3(self.conv3(y))
      return functional.relu(y + self.downsample(x))

  layers = {
    "conv1": _convolution(3, 64, 7, 2),
    "bn1": norm(64),
    "relu": nn.ReLU(),
    "maxpool": nn.MaxPool2d(3, 2, 1),
  }
  before = 64
  for stage, blocks in enumerate((3, 4, 6, 3)):
    width, stage_layers = 64 * 2**stage, []
    for block in range(blocks):
      stride = 2 if stage > 0 and block == 0 else 1
      stage_layers.append(Bottleneck(before, width, stride))
      before = 4 * width
    layers[f"layer{stage + 1}"] = nn.Sequential(*stage_layers)
  layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
  layers["fc"] = nn.Linear(before, num_classes)
  return nn.Sequential(collections.OrderedDict(layers))


def trainer(model, mode: str | None, images, labels):
  """Function of the indices of a batch (int64 [B]) that takes a step.

  Args:
    model: torch.nn.Module, where it is trained.
    mode: of torch.compile; None = not compiled.
    images: uint8 [N, 3, H, W], channels-last, on the same device.
    labels: int64 [N], likewise.
  """
  import torch

  def loss_of(image, label):
    return torch.nn.functional.cross_entropy(model(image), label)

  if mode is not None:
    loss_of = torch.compile(loss_of, mode=mode)
  optimizer = torch.optim.SGD(
    model.parameters(),
    lr=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    fused=True if images.is_cuda else None,
  )

  def step(index):
    image = (images[index].float() / 255 - 0.5).contiguous(
      memory_format=torch.channels_last
    )
    with torch.autocast(images.device.type, torch.bfloat16):
      loss = loss_of(image, labels[index])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss

  return step


def rate(step, batches, steps: int, wait) -> float:
  """Steps a second, median of rounds.

  Args:
    step: of one batch.
    batches: their indices, taken in turn.
    steps: of a round.
    wait: () -> None, once all that was asked of the device is done.
  """

  def go(count):
    started = time.perf_counter()
    for number in range(count):
      step(batches[number % len(batches)])
    wait()
    return time.perf_counter() - started

  go(_WARM)
  return steps / statistics.median(go(steps) for _ in range(_ROUNDS))


def measure(
  network: str,
  way: str,
  batch_size: int,
  image_size: int,
  num_classes: int,
  steps: int,
) -> float:
  """Images a second of `network` in one of WAYS, on the GPU if there is one."""
  import torch

  device = "cuda" if torch.cuda.is_available() else "cpu"
  torch.backends.cudnn.benchmark = True
  torch.manual_seed(0)
  model = build(network, num_classes).to(
    device, memory_format=torch.channels_last
  )
  model.train()
  count = 4 * batch_size
  shape = (count, 3, image_size, image_size)
  images = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
  images = images.contiguous(memory_format=torch.channels_last)
  labels = torch.arange(count, device=device) % num_classes
  batches = torch.randperm(count, device=device).reshape(4, batch_size)
  wait = torch.cuda.synchronize if device == "cuda" else lambda: None
  step = trainer(model, WAYS[way], images, labels)
  return batch_size * rate(step, batches, steps, wait)


def parsed(argv: list[str]) -> argparse.Namespace:
  """The command line.

  Raises:
    InputError: a size below 1, an unknown way.
  """
  # Not absl's flags: benchmarks/cost.py has some of the same names.
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--network", default="resnet32", choices=NETWORKS)
  sizes = {"batch_size": 100, "image_size": 32, "classes": 10, "steps": 100}
  for name, usual in sizes.items():
    parser.add_argument(f"--{name}", type=int, default=usual)
  parser.add_argument("--ways", default=",".join(WAYS))
  found = parser.parse_args(argv)
  for name in sizes:
    value = getattr(found, name)
    check(value > 0, f"--{name}={value}; expected above 0")
  found.ways = found.ways.split(",")
  for way in found.ways:
    choose("way", way, WAYS)
  return found


def main(argv: list[str]) -> None:
  asked = parsed(argv)
  torch = _torch()
  gpu = torch.cuda.is_available()
  settings = {
    "network": asked.network,
    "batch_size": asked.batch_size,
    "image_size": asked.image_size,
    "versions": f"torch {torch.__version__}",
    "device": torch.cuda.get_device_name() if gpu else "cpu",
  }
  sizes = (asked.batch_size, asked.image_size, asked.classes, asked.steps)
  for way in asked.ways:
    speed, problem = None, None
    if "CUDA" in way and not gpu:
      problem = "no CUDA device"
    else:
      try:
        speed = measure(asked.network, way, *sizes)
      # The compiler may fail in many ways; the other ways go on.
      except Exception as error:
        problem = (str(error).strip().splitlines() or [repr(error)])[0]
    line = {**settings, "way": way, "images_per_second": speed}
    print(json.dumps({**line, "problem": problem}), flush=True)


if __name__ == "__main__":
  try:
    main(sys.argv[1:])
  except (InputError, OSError) as error:
    sys.exit(f"error: {error}")
