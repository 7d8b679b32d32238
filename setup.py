"""Ships configs/ inside the package; all else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
  packages=[*find_packages(include=["fsr_jax*"]), "fsr_jax.configs"],
  package_dir={"fsr_jax.configs": "configs"},
)
