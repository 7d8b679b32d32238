"""The page of runs that were trained, and of runs that lack something."""

import base64
import contextlib
import hashlib
from html.parser import HTMLParser
import io
import json
import pathlib
import shutil
from unittest import mock

from absl.testing import absltest, parameterized
import numpy as np

from fsr_jax.errors import InputError
from fsr_jax.run import account, page
from fsr_jax.run.page import charts, finished, listed, pictures, tables
from fsr_jax.run.page.command import report
from fsr_jax.run.page.content import content
from fsr_jax.run.page.render import render
from fsr_jax.run.workdir import Workdir
from tests.run import trained
from tests.run.page import made


class Parsed(HTMLParser):
  """Elements of a page and the text of its scripts.

  Attributes:
    elements: (tag, attributes) each.
    scripts: text of each script element.
    text: all other text.
  """

  def __init__(self, text: str):
    super().__init__()
    self.elements: list[tuple[str, dict]] = []
    self.scripts: list[str] = []
    self.text, self._open = "", ""
    self.feed(text)
    self.close()

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    if tag in ("script", "style"):
      self._open = tag
    if tag == "script":
      self.scripts.append("")

  def handle_endtag(self, tag):
    if tag in ("script", "style"):
      self._open = ""

  def handle_data(self, data):
    if self._open == "script":
      self.scripts[-1] += data
    elif not self._open:
      self.text += data


def drawn(run, split=None, why="") -> Parsed:
  return Parsed(render(content(run, split, why)).decode())


class TrainedTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.workdir, cls.list, cls.lines = made.trained()
    cls.page = (cls.workdir / page.NAME).read_text()
    cls.parsed = Parsed(cls.page)
    cls.data = json.loads(cls.parsed.scripts[0])

  def test_the_run_says_where_it_is(self):
    self.assertIn(str(self.workdir / page.NAME), self.lines[-1])

  def test_names_of_classes_are_shown_and_nothing_else(self):
    self.assertIn(made.EVIL, self.parsed.text)
    self.assertNotIn(made.EVIL, self.page)
    scripts = [a for tag, a in self.parsed.elements if tag == "script"]
    self.assertLen(scripts, 2)
    self.assertNotIn("alert", self.parsed.scripts[1])
    # Browsers run one script, that of ours.
    digest = hashlib.sha256(self.parsed.scripts[1].encode()).digest()
    policies = [
      a["content"] for _, a in self.parsed.elements if a.get("http-equiv")
    ]
    self.assertIn(
      f"script-src 'sha256-{base64.b64encode(digest).decode()}'", policies[0]
    )
    self.assertEqual(self.data["classes"], list(made.CLASSES))

  def test_it_needs_nothing_from_elsewhere(self):
    for tag, attributes in self.parsed.elements:
      self.assertNotIn(tag, ("link", "iframe", "object"))
      for name in ("src", "href"):
        at = attributes.get(name) or "#"
        self.assertTrue(at.startswith(("#", "data:image/webp;base64,")), at)

  def test_headings_tables_and_pictures_can_be_heard(self):
    tags = [tag for tag, _ in self.parsed.elements]
    self.assertEqual(tags.count("h1"), 1)
    for landmark in ("header", "nav", "main", "footer"):
      self.assertEqual(tags.count(landmark), 1, landmark)
    self.assertEqual(tags.count("table"), tags.count("caption"))
    for tag, attributes in self.parsed.elements:
      if tag == "img":
        self.assertIn("labelled", attributes["alt"])
      if tag == "th":
        self.assertIn(attributes.get("scope"), ("row", "col"))
    known = [a["id"] for _, a in self.parsed.elements if "id" in a]
    self.assertLen(set(known), len(known))
    for _, attributes in self.parsed.elements:
      if (attributes.get("href") or "").startswith("#"):
        self.assertIn(attributes["href"][1:], known)

  def test_every_row_has_its_own_picture(self):
    size = len(self.data["rows"])
    self.assertEqual(size, 72)
    shown = {
      a["id"]: a["src"]
      for tag, a in self.parsed.elements
      if tag == "img" and a["id"].startswith("pic-")
    }
    self.assertEqual(len(shown) + len(self.data["pictures"]), size)
    # Written by hand: the picture of its file, as the network saw it.
    row = self.data["rows"][0]
    data = data_of(self.list)
    index = data.train.id.tolist().index(row[2])
    self.assertEqual(index, row[1])
    uri = pictures.address(data.train.decoded().image[index])
    self.assertIn(
      uri, (shown.get("pic-0"), self.data["pictures"].get("0")), row
    )

  def test_written_again_it_is_the_same(self):
    copy = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.workdir, copy)
    (copy / page.NAME).unlink()
    again = report(str(copy)).read_text()
    # The path is on the page, and in the key of what is ticked.
    name = f"{key_of(again)}", f"{key_of(self.page)}"
    again = again.replace(str(copy), str(self.workdir)).replace(*name)
    self.assertEqual(again, self.page)

  def test_where_the_data_are_gone_it_says_so(self):
    copy = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.workdir, copy)
    config = json.loads((copy / "config.json").read_text())
    config["data"]["path"] = "/nowhere/list.jsonl"
    (copy / "config.json").write_text(json.dumps(config))
    found = Parsed(report(str(copy)).read_text())
    self.assertNotIn("img", [tag for tag, _ in found.elements])
    self.assertIn("There are no pictures on this page", found.text)
    self.assertIn("/nowhere/list.jsonl", found.text)
    # And with them named it has pictures again.
    found = Parsed(report(str(copy), path=str(self.list)).read_text())
    self.assertIn("img", [tag for tag, _ in found.elements])

  def test_other_data_give_no_wrong_pictures(self):
    copy = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.workdir, copy)
    rows = self.list.read_text().splitlines()
    other = self.list.with_name("other.jsonl")
    other.write_text("\n".join(reversed(rows)))
    found = Parsed(report(str(copy), path=str(other)).read_text())
    self.assertNotIn("img", [tag for tag, _ in found.elements])
    self.assertIn("have another", found.text)

  def test_lines_of_metrics_that_no_run_wrote(self):
    copy = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.workdir, copy)
    with open(copy / "metrics.jsonl", "a") as file:
      file.write('{"step": 1, "loss": "<script>", "test_top1": [1]}\n')
      file.write('{"step": 1, "loss": 3\n')
    screen = io.StringIO()
    with contextlib.redirect_stdout(screen):
      report(str(copy))
    self.assertIn("a line that is damaged", screen.getvalue())

  def test_transition_is_what_the_list_was_made_by(self):
    run = finished.read(Workdir(str(self.workdir)))
    matrix = np.array(tables.matrix(run))
    np.testing.assert_allclose(matrix.sum(1), 1, atol=2e-3)

  def test_unfinished_and_damaged(self):
    copy = pathlib.Path(self.create_tempdir()) / "run"
    shutil.copytree(self.workdir, copy)
    (copy / "samples.csv").write_text("index,given_label\n1\n")
    with self.assertRaisesRegex(InputError, "samples.csv is not the table"):
      report(str(copy))
    (copy / "summary.json").unlink()
    with self.assertRaisesRegex(InputError, "a run that is not finished"):
      report(str(copy))
    with self.assertRaisesRegex(InputError, "holds no run to report of"):
      report(str(copy / "nothing"))

  def test_a_page_that_cannot_be_drawn_costs_no_run(self):
    lines: list[str] = []
    run = mock.Mock(workdir=Workdir(str(self.workdir)), pictures=None)
    with mock.patch("importlib.util.find_spec", return_value=None):
      account._draw(run, lines.append)
    with mock.patch.object(page, "render", side_effect=KeyError("x\ny")):
      account._draw(run, lines.append)
    self.assertLen(lines, 2)
    start = "^note: report.html was not written "
    self.assertRegex(lines[0], rf"{start}\(.* needs the package jinja2")
    self.assertRegex(lines[1], rf"{start}\('x")


def data_of(path: pathlib.Path):
  """The data of the run of `made.trained`."""
  from fsr_jax.config.validation import resolve_and_load

  _, _, data = resolve_and_load(made.config(path))
  return data


def key_of(text: str) -> str:
  return json.loads(Parsed(text).scripts[0])["key"]


class LackingTest(parameterized.TestCase):
  def test_plain_training_whose_data_are_gone(self):
    """No weights, no dictionary."""
    workdir = trained.run().copy(self.create_tempdir().full_path)
    found = Parsed(report(workdir).read_text())
    self.assertIn("plain trusts no examples of its own", found.text)
    self.assertIn("There are no pictures on this page", found.text)
    self.assertIn("ä dog", found.text)

  @parameterized.named_parameters(
    ("no_list_no_test", None, ("cat", "dog", "owl")),
    (
      "two_classes_no_wrong_label",
      made.samples([0, 1], [0, 1], [0.9, 0.8]),
      ("cat", "dog"),
    ),
    (
      "nothing_known",
      made.samples([0, 1], [0, 1], [np.nan, np.nan], weight=[np.nan] * 2),
      ("cat", "dog"),
    ),
  )
  def test_a_sensible_page(self, found, classes):
    run = made.finished(found, classes)
    drawn_page = drawn(run)
    self.assertIn("Nothing was set aside to test", drawn_page.text)
    said, _ = drawn_page.text.split("How to go on")
    self.assertNotRegex(said, r"\bnan\b")
    self.assertNotRegex(said, r"\bNone\b(?! of)")

  def test_a_thousand_classes(self):
    rng, size = np.random.default_rng(0), 1000
    classes = tuple(f"class {c}" for c in range(size))
    given = rng.integers(0, size, 20_000)
    seems = np.where(rng.random(20_000) < 0.3, (given + 1) % size, given)
    score = np.sort(np.where(seems != given, 0.1, 0.9))
    order = np.argsort(seems == given, kind="stable")
    samples = made.samples(
      given[order],
      seems[order],
      score,
      id=np.array([f"n{i:07}/picture_{i}.jpg" for i in range(20_000)]),
      trusted=rng.integers(0, 3, 20_000),
    )
    run = made.finished(samples, classes, counts=(20,) * size)
    text = render(content(run, None, ""))
    self.assertLess(len(text), 2e6)
    parsed = Parsed(text.decode())
    # And those that are shown by class.
    self.assertBetween(len(json.loads(parsed.scripts[0])["rows"]), 3000, 3300)
    self.assertRegex(parsed.text, "the other 16,9.. stand in samples.csv")
    self.assertIsNone(tables.matrix(run))
    self.assertLen(tables.likeliest(run), 40)

  def test_labels_of_examples_without_names(self):
    found = made.samples([2, 0, 1], [1, 0, 1], [0.1, 0.8, 0.9])
    found = made.samples(
      found.given, found.suggested, found.score, index=np.array([1, 0, 2])
    )
    self.assertEqual(listed.labels(found), [0, 2, 1])

  def test_names_that_are_no_unicode(self):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    found = made.samples([0], [1], [0.1], id=np.array([name], object))
    parsed = drawn(made.finished(found))
    self.assertEqual(json.loads(parsed.scripts[0])["rows"][0][2], name)
    self.assertIn(r"caf\udce9.jpg", parsed.text)

  def test_the_page_keeps_to_its_size(self):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (900, 96, 96, 3), dtype=np.uint8)
    split = trained_split(image)
    found = pictures.thumbnails(split, np.arange(900))
    self.assertLess(sum(map(len, found.values())), 3.4e6)
    # The most important ones are there.
    self.assertEqual(list(found)[:50], list(range(50)))

  def test_curves_in_words_and_lines(self):
    epochs = [{"epoch": e, "test_top1": 0.5 + 0.1 * e} for e in (1, 2, 3)]
    (figure,) = charts.figures(made.finished(epochs=epochs))
    self.assertIn("60.0\xa0% in epoch 1, 80.0\xa0% in epoch 3", figure.spoken)
    self.assertIn("var(--s1)", figure.svg)
    self.assertEmpty(charts.figures(made.finished(epochs=epochs[:1])))


def trained_split(image):
  from fsr_jax.data.dataset import Split

  return Split(image, np.zeros(len(image), np.int32))


if __name__ == "__main__":
  absltest.main()
