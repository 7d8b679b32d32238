"""Weights from the Hugging Face hub, by the name of a model there."""

import contextlib
import importlib
import pathlib

from fsr_jax.errors import InputError, typed_reason

_WEIGHTS, _CONFIG = "model.safetensors", "config.json"


def fetch(name: str) -> pathlib.Path:
  """The weights of a model, from this machine's cache or else from the hub.

  Its config.json, which says how pictures are normalised, lies beside them
  where it has one.

  Args:
    name: OWNER/NAME, "timm/resnet18.a1_in1k".

  Returns:
    Path of the model.safetensors in the cache of huggingface_hub.

  Raises:
    InputError: huggingface_hub is not installed, no network, no such model, or
      one without such a file.
  """
  try:
    hub = importlib.import_module("huggingface_hub")
  except ImportError as error:
    raise InputError(
      f"pretrained={name} is no file or folder here, and to fetch it from the"
      " Hugging Face hub takes a package: pip install huggingface_hub"
    ) from error
  path = _cached(hub, name, _WEIGHTS) or _download(hub, name, _WEIGHTS)
  if _cached(hub, name, _CONFIG) is None:
    # A model without one is taken to be of torchvision's form.
    with contextlib.suppress(InputError):
      _download(hub, name, _CONFIG)
  return pathlib.Path(path)


def _cached(hub, name: str, file: str) -> str | None:
  """Its path on this machine, which needs no network; None where it is not."""
  try:
    return hub.hf_hub_download(name, file, local_files_only=True)
  except Exception:  # The client has many types for what is not there.
    return None


def _download(hub, name: str, file: str) -> str:
  try:
    print(f"fetching {file} of {name} from the Hugging Face hub", flush=True)
    return hub.hf_hub_download(name, file)
  except Exception as error:  # Of the client, of its connection, ...
    raise InputError(
      f"pretrained={name} is no file or folder here and cannot be fetched from"
      f" the Hugging Face hub ({typed_reason(error, 200)}); without network"
      f" download {file} elsewhere and set pretrained=FILE.safetensors"
    ) from error
