"""A workdir in a bucket: a scheme of the tests' own stands for gs:// and s3://.

With s3fs and moto installed, an S3 server on this machine is tried too.
"""

import json
import os
import pathlib
from unittest import mock

from absl.testing import absltest, parameterized
from etils import epath
from etils.epath import register
import pytest

import fsr_jax
from fsr_jax.errors import InputError
from fsr_jax.run import bucket, commands, remote
from tests import shrunk

ADDRESS = "bucket://runs/digits"


class RemoteTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.there = self.root / "runs" / "digits"
    scratch = self.root / "scratch"
    scratch.mkdir()
    self.enter_context(mock.patch("tempfile.tempdir", str(scratch)))
    self.scratch = scratch

    def path(address):
      return epath.Path(address.replace("bucket://", f"{self.root}/", 1))

    kinds = {**register._URI_PREFIXES_TO_CLS, "bucket://": path}
    self.enter_context(
      mock.patch.object(register, "_URI_PREFIXES_TO_CLS", kinds)
    )

  def folder(self, **files):
    folder = pathlib.Path(self.create_tempdir())
    for name, text in files.items():
      path = folder / name.replace("__", "/")
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text(text)
    return folder

  def listed(self):
    return json.loads((self.there / bucket.LIST).read_text())["files"]

  def test_a_run_goes_on_in_it(self):
    config = shrunk.config(report=True)
    with remote.at_hand(ADDRESS, trains=True) as folder:
      commands.train(config, folder, stop_after_epochs=1)
    self.assertIn("config.json", self.listed())
    self.assertFalse((self.there / "summary.json").exists())
    with remote.at_hand(ADDRESS, trains=True) as folder:
      commands.train(config, folder)
    alone = pathlib.Path(self.create_tempdir())
    commands.train(config, str(alone))
    for name in ("samples.csv", "metrics.jsonl", "per_class.csv"):
      expected = (alone / name).read_bytes()
      self.assertEqual((self.there / name).read_bytes(), expected)
    # Under its address, not under that of the folder.
    page = (self.there / "report.html").read_text()
    self.assertIn(f"--workdir={ADDRESS}", page)
    self.assertNotIn(str(self.scratch), page)
    self.assertEmpty(list(self.scratch.iterdir()))
    fitted = fsr_jax.load(ADDRESS)
    self.assertLen(fitted.classes_, 10)
    with remote.at_hand(ADDRESS) as folder:
      commands.export(folder)
    self.assertTrue((self.there / "export" / "model.json").exists())
    self.assertNotIn("export/model.json", self.listed())

  def test_what_was_not_sent_to_its_end_is_not_there(self):
    here = self.folder(checkpoints__1__a="one", config="x")
    first = bucket.Bucket(ADDRESS)
    first.fetch(self.folder(), trains=True)
    first.send(here, trains=True)
    # Killed while it sends the next checkpoint: its list does not come.
    (here / "checkpoints" / "2").mkdir()
    (here / "checkpoints" / "2" / "a").write_text("two")
    with (
      mock.patch.object(bucket.Bucket, "_write_list", side_effect=OSError),
      self.assertRaises(OSError),
    ):
      first.send(here, trains=True)
    self.assertTrue((self.there / "checkpoints" / "2" / "a").exists())
    again = self.folder()
    bucket.Bucket(ADDRESS).fetch(again, trains=True)
    self.assertEqual(os.listdir(again / "checkpoints"), ["1"])

  def test_a_checkpoint_that_is_written_over_is_none_meanwhile(self):
    here = self.folder(checkpoints__1__a="one", checkpoints__1__b="b")
    ours = bucket.Bucket(ADDRESS)
    ours.fetch(self.folder(), trains=True)
    ours.send(here, trains=True)
    (here / "checkpoints" / "1" / "a").write_text("other")
    seen, write = [], bucket.Bucket._write_list

    def written(self_, sent=None):
      write(self_, sent)
      seen.append(sorted(self.listed()))

    with mock.patch.object(bucket.Bucket, "_write_list", written):
      ours.send(here, trains=True)
    self.assertEqual(seen, [[], ["checkpoints/1/a", "checkpoints/1/b"]])

  def test_files_that_are_gone_here_go_there(self):
    here = self.folder(a="1", checkpoints__1__a="one", checkpoints__2__a="two")
    ours = bucket.Bucket(ADDRESS)
    ours.fetch(self.folder(), trains=True)
    ours.send(here, trains=True)
    (here / "checkpoints" / "1" / "a").unlink()
    (here / ".lock").write_text("")
    (here / "b.part").write_text("")
    ours.send(here, trains=True)
    self.assertEqual(set(self.listed()), {"a", "checkpoints/2/a"})
    self.assertFalse((self.there / "checkpoints" / "1" / "a").exists())

  def test_one_trains_at_a_time(self):
    here, first = self.folder(a="1"), bucket.Bucket(ADDRESS)
    first.fetch(self.folder(), trains=True)
    bucket.Bucket(ADDRESS).fetch(self.folder(), trains=False)
    first.send(here, trains=True)  # Who looks takes nothing over.
    bucket.Bucket(ADDRESS).fetch(self.folder(), trains=True)
    with self.assertRaisesRegex(InputError, "another process has begun"):
      first.send(here, trains=True)

  def test_damage_is_found(self):
    ours = bucket.Bucket(ADDRESS)
    ours.fetch(self.folder(), trains=True)
    ours.send(self.folder(a="1", checkpoints__1__a="one"), trains=True)
    (self.there / "a").write_text("2")  # May be newer than the list.
    bucket.Bucket(ADDRESS).fetch(self.folder(), trains=False)
    (self.there / "checkpoints" / "1" / "a").write_text("oen")
    with self.assertRaisesRegex(InputError, "1/a is not as it was sent"):
      bucket.Bucket(ADDRESS).fetch(self.folder(), trains=False)

  @parameterized.parameters(
    ("../../evil", "which is no file below it"),
    ("/etc/passwd", "which is no file below it"),
  )
  def test_a_list_that_leads_elsewhere(self, name, message):
    self.there.mkdir(parents=True)
    text = json.dumps({"files": {name: [1, 1]}})
    (self.there / bucket.LIST).write_text(text)
    with self.assertRaisesRegex(InputError, message):
      bucket.Bucket(ADDRESS).fetch(self.folder(), trains=False)

  @parameterized.parameters("[]", '{"files": 1}', "{")
  def test_no_list(self, text):
    self.there.mkdir(parents=True)
    (self.there / bucket.LIST).write_text(text)
    with self.assertRaisesRegex(InputError, "cannot read|is no list of files"):
      bucket.Bucket(ADDRESS).fetch(self.folder(), trains=False)

  def test_what_cannot_be_sent_is_kept(self):
    with (
      self.assertRaisesRegex(OSError, r"cannot send .*digits \(full\); all of"),
      remote.at_hand(ADDRESS, trains=True) as folder,
    ):
      pathlib.Path(folder, "a").write_text("1")
      self.enter_context(
        mock.patch.object(bucket.Bucket, "send", side_effect=OSError("full"))
      )
    self.assertEqual(pathlib.Path(folder, "a").read_text(), "1")

  def test_changes_are_sent_meanwhile(self):
    with (
      mock.patch.object(remote, "_EVERY", 0.01),
      remote.at_hand(ADDRESS, trains=True) as folder,
    ):
      pathlib.Path(folder, "a").write_text("1")
      while not (self.there / "a").exists():
        pass

  def test_nothing_is_left_behind(self):
    with self.assertRaises(SystemExit), remote.at_hand(ADDRESS) as folder:
      pathlib.Path(folder, "a").write_text("1")
      raise SystemExit
    self.assertEqual((self.there / "a").read_text(), "1")
    self.assertEmpty(list(self.scratch.iterdir()))

  def test_messages_have_the_address(self):
    with (
      self.assertRaisesRegex(InputError, f"^no file {ADDRESS}/a$"),
      remote.at_hand(ADDRESS) as folder,
    ):
      raise InputError(f"no file {folder}/a")

  def test_other_kinds(self):
    with self.assertRaisesRegex(InputError, "'ftp://' is unknown; expected"):
      bucket.Bucket("ftp://a/b")


@pytest.mark.slow
class S3Test(absltest.TestCase):
  def test_a_run(self):
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="no moto[server]")
    import boto3

    it = server.ThreadedMotoServer(port=0)
    it.start()
    self.addCleanup(it.stop)
    address = "http://{}:{}".format(*it.get_host_and_port())
    variables = {
      "AWS_ACCESS_KEY_ID": "a",
      "AWS_SECRET_ACCESS_KEY": "b",
      "AWS_DEFAULT_REGION": "us-east-1",
      "AWS_ENDPOINT_URL": address,
    }
    self.enter_context(mock.patch.dict(os.environ, variables))
    boto3.client("s3").create_bucket(Bucket="runs")
    config = shrunk.config()
    for epochs in (1, 2):
      with remote.at_hand("s3://runs/digits", trains=True) as folder:
        done = commands.train(config, folder, stop_after_epochs=epochs)
    self.assertIsNotNone(done)
    self.assertLen(fsr_jax.load("s3://runs/digits").classes_, 10)


if __name__ == "__main__":
  absltest.main()
