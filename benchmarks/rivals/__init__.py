"""Other authors' methods for wrong labels, each in one file, in one protocol.

    python -m benchmarks.rivals --rival=co_teaching,fsr --scale=digits \\
        --out=runs/rivals --settings=uniform_0.4,tail_50 --seeds=0,1

A method's file says where it comes from, what it costs, where its
hyper-parameters come from and what it is not told. None is told how many
labels are wrong, but for the one called an oracle.
"""

from benchmarks.rivals import (
  co_teaching,
  crust,
  d2l,
  disc,
  incv,
  library,
  mentornet,
  pencil,
  rog,
  sop,
)
from benchmarks.rivals.protocol import Net, Result, Rival, Trial

# name -> Rival.
RIVALS: dict[str, Rival] = {
  **library.RIVALS,
  **pencil.RIVALS,
  **co_teaching.RIVALS,
  **mentornet.RIVALS,
  **sop.RIVALS,
  **crust.RIVALS,
  **rog.RIVALS,
  **d2l.RIVALS,
  **incv.RIVALS,
  **disc.RIVALS,
}

__all__ = ["RIVALS", "Net", "Result", "Rival", "Trial"]
