"""fsr_jax: Fast Sample Re-weighting (Zhang & Pfister, ICCV 2021) in JAX/Flax.

Layers, each importing only from those before it:
`maths` (the paper's equations), `models`, `data`, `step` (one training step
on any number of devices), `run` (time, files, the terminal).
"""

__version__ = "0.1.0"
