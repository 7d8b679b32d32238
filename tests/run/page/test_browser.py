"""The page in a real browser, where there is one: run by name, `-m slow`.

Needs playwright (pip install playwright) and Chromium: that of Debian's package
chromium, of the variable CHROMIUM, or playwright's own.
"""

import os
import pathlib
import shutil
import unittest

from absl.testing import absltest, parameterized
import pytest

from fsr_jax.config.validation import resolve_and_load
from fsr_jax.run import page
from fsr_jax.run.page.content import content
from fsr_jax.run.page.render import render
from tests.run.page import made


def browser(case):
  """(Chromium, function that stops it); skips where there is none."""
  try:
    from playwright.sync_api import Error, sync_playwright
  except ImportError as error:
    raise unittest.SkipTest("no playwright: pip install playwright") from error
  path = os.environ.get("CHROMIUM") or shutil.which("chromium")
  playwright = sync_playwright().start()
  try:
    found = playwright.chromium.launch(
      executable_path=path, args=["--no-sandbox"]
    )
  except Error as error:
    playwright.stop()
    line = str(error).splitlines()[0]
    raise unittest.SkipTest(f"no Chromium ({line})") from error
  case.addClassCleanup(playwright.stop)
  case.addClassCleanup(found.close)
  return found


@pytest.mark.slow
class BrowserTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.chromium = browser(cls)
    cls.workdir, cls.list, _ = made.trained()

  def opened(self, path=None, **context):
    """A tab that shows a page; what its console says goes to self.said."""
    folder = self.chromium.new_context(**context)
    self.addCleanup(folder.close)
    tab, self.said = folder.new_page(), []
    tab.on("console", lambda message: self.said.append(message.text))
    tab.on("pageerror", lambda error: self.said.append(str(error)))
    tab.on("dialog", lambda box: self.said.append(f"dialog {box.message}"))
    tab.on("request", lambda r: self.asked.append(r.url))
    self.asked = []
    tab.goto(f"file://{path or self.workdir / page.NAME}")
    return tab

  def download(self, tab) -> str:
    """Presses the button; path of the file."""
    with tab.expect_download() as found:
      tab.click("#download")
    path = pathlib.Path(self.create_tempdir()) / found.value.suggested_filename
    found.value.save_as(path)
    return str(path)

  @parameterized.product(
    color_scheme=("light", "dark"), width=(1280, 390), reduced=(False, True)
  )
  def test_nothing_runs_but_its_own_script(self, color_scheme, width, reduced):
    tab = self.opened(
      viewport={"width": width, "height": 800},
      color_scheme=color_scheme,
      reduced_motion="reduce" if reduced else "no-preference",
    )
    self.assertEmpty(self.said)
    elsewhere = [url for url in self.asked if not url.startswith("data:")]
    self.assertLen(elsewhere, 1)  # Itself.
    self.assertIn(made.EVIL, tab.inner_text("main"))
    wider = "document.documentElement.scrollWidth - innerWidth"
    self.assertLessEqual(tab.evaluate(wider), 0)
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click("#theme")
    after = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    self.assertNotEqual(dark, after)

  def test_text_put_into_the_page_is_not_run(self):
    tab = self.opened()
    tab.evaluate(
      "document.body.insertAdjacentHTML('beforeend',"
      " '<img src=x onerror=\"console.log(1)\">')"
    )
    tab.wait_for_timeout(100)
    self.assertTrue(all("Content Security Policy" in x for x in self.said))

  def test_filter_sort_and_pages(self):
    tab = self.opened()
    tab.select_option("#show", "all")
    self.assertEqual(tab.locator("#list tbody tr").count(), 25)
    self.assertStartsWith(tab.inner_text("#count"), "72 listed")
    self.assertTrue(tab.is_disabled("#before"))
    tab.click("#after")
    tab.click("#after")
    self.assertEqual(tab.locator("#list tbody tr").count(), 22)
    tab.select_option("#class", label="=cow()")
    labels = tab.locator("#list tbody tr")
    for i in range(labels.count()):
      self.assertIn(
        "=cow()",
        labels.nth(i).locator("td:nth-child(3)").inner_text()
        + labels.nth(i).locator("option:checked").inner_text(),
      )
    tab.select_option("#class", "")
    tab.select_option("#order", "name")
    names = tab.locator("#list .name").all_inner_texts()
    self.assertEqual(names[0], "=i0,0")
    tab.locator("#classes thead button", has_text="Look wrong").click()
    column = tab.locator("#classes tbody td:nth-child(3)").all_inner_texts()
    self.assertEqual(column, sorted(column, key=int, reverse=True))

  def test_corrections_are_a_labels_file(self):
    tab = self.opened()
    self.assertTrue(tab.is_disabled("#download"))
    tab.select_option("#show", "all")
    tab.select_option("#order", "name")
    rows = tab.locator("#list tbody tr")
    # By keyboard: the box of the first, =i0,0; of the next another class.
    rows.nth(0).locator("input").focus()
    tab.keyboard.press("Space")
    name = rows.nth(1).locator(".name").inner_text()
    rows.nth(1).locator("select").select_option(label="ä dog")
    self.assertTrue(rows.nth(1).locator("input").is_checked())
    self.assertEndsWith(tab.inner_text("#count"), "2 ticked")
    rows.nth(0).locator("select").select_option(label="=cow()")
    path = self.download(tab)
    text = pathlib.Path(path).read_text()
    self.assertIn("'=i0,0", text)  # No formula for a spreadsheet.
    self.assertIn("'=cow()", text)
    before, after = (
      resolve_and_load(made.config(self.list, data__labels_file=file))[2]
      for file in (None, path)
    )
    changed = {
      str(i): made.CLASSES[label]
      for i, old, label in zip(
        after.train.id, before.train.label, after.train.label
      )
      if old != label
    }
    self.assertEqual(changed, {"=i0,0": "=cow()", name: "ä dog"})
    # What was ticked is still there after the page is opened again.
    tab.reload()
    self.assertEndsWith(tab.inner_text("#count"), "2 ticked")
    tab.click("#clear")
    self.assertEndsWith(tab.inner_text("#count"), "0 ticked")

  def test_names_that_need_care(self):
    """Of bytes that are no UTF-8, with quotes, and none at all."""
    name = b'caf\xe9 "1".jpg'.decode("utf-8", "surrogateescape")
    found = made.samples([0, 1], [1, 0], [0.1, 0.2], id=[name, "</script>\n2"])
    path = pathlib.Path(self.create_tempdir()) / "a.html"
    path.write_bytes(render(content(made.finished(found), None, "")))
    tab = self.opened(path)
    tab.click("#page-tick")
    text = pathlib.Path(self.download(tab)).read_bytes()
    self.assertEqual(
      text,
      b'id,label,given_label\r\n"caf\xe9 ""1"".jpg",dog,cat\r\n'
      b'"</script>\n2",cat,dog\r\n',
    )
    unnamed = made.samples(
      found.given[::-1], found.suggested[::-1], found.score
    )
    path.write_bytes(render(content(made.finished(unnamed), None, "")))
    tab = self.opened(path)
    tab.locator("label.tick input").first.check()
    text = pathlib.Path(self.download(tab)).read_text()
    self.assertEqual(
      text.split(), ["id,label,given_label", "0,dog,dog", "1,dog,cat"]
    )
    self.assertEmpty(self.said)


if __name__ == "__main__":
  absltest.main()
