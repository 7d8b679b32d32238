"""The table of methods beside each other, by hand."""

import pathlib

from absl.testing import absltest

from benchmarks import board, standings
from fsr_jax.errors import InputError


def rows(**accuracies):
  """Rows of rivals' CSV: method__setting -> accuracies, one a seed."""
  return [
    {
      "scale": "digits",
      "cell": "/".join(reversed(name.split("__"))),
      "seed": str(seed),
      "test_top1": str(value),
    }
    for name, values in accuracies.items()
    for seed, value in enumerate(values)
  ]


ROWS = rows(
  plain__noise=[0.5, 0.52],
  fsr__noise=[0.9, 0.94],
  sop__noise=[0.905, 0.905],
  fsr__tail=[0.8],
)


class BoardTest(absltest.TestCase):
  def test_the_best_comes_first_and_is_bold(self):
    """0.92 - 0.02 = 0.9: within a standard error is 0.905 and not 0.51."""
    found = standings.scores(ROWS, [])
    self.assertEqual([*found], ["fsr", "sop", "plain"])
    self.assertEqual(standings.best(found, "noise"), {"fsr", "sop"})
    self.assertEqual(
      standings.table(found, {"fsr": 1, "sop": 1, "plain": 1}).splitlines(),
      [
        "| setting | `fsr` | `sop` | `plain` |",
        "|---|---|---|---|",
        "| passes | 1.0 | 1.0 | 1.0 |",
        "| noise | **92.0 ± 2.8** | **90.5 ± 0.0** | 51.0 ± 1.4 |",
        "| tail | **80.0** | – | – |",
      ],
    )

  def test_some_methods(self):
    self.assertEqual([*standings.scores(ROWS, ["plain"])], ["plain"])
    with self.assertRaisesRegex(InputError, "^--methods: no run of 'l2r'"):
      standings.scores(ROWS, ["l2r"])

  def test_scales_are_not_mixed(self):
    other = [{**ROWS[0], "scale": "features"}]
    with self.assertRaisesRegex(InputError, "'digits', 'features'.*one scale"):
      standings.scores(ROWS + other, [])

  def test_figure(self):
    try:
      import matplotlib  # noqa: F401
    except ImportError:
      self.skipTest("matplotlib is not installed")
    path = pathlib.Path(self.create_tempdir()) / "board.svg"
    board.draw(standings.scores(ROWS, []), path)
    self.assertIn("<svg", path.read_text())


if __name__ == "__main__":
  absltest.main()
