"""Recipes of deploy/: their syntax, and what the scripts do with stand-ins."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from absl.testing import absltest, parameterized

from fsr_jax.run import program
from tests.pages import ROOT

DEPLOY = ROOT / "deploy"
SCRIPTS = tuple(path.name for path in sorted(DEPLOY.glob("*.sh")))
# Options of sbatch that the recipe may use -> what their values look like.
SBATCH = {
  "job-name": r"\w+",
  "nodes": r"\d+",
  "ntasks-per-node": r"1",
  "gpus-per-node": r"\d+",
  "cpus-per-task": r"\d+",
  "time": r"(\d+-)?\d+:\d\d:\d\d",
  "signal": r"(B:)?TERM@\d+",
  "requeue": None,
  "open-mode": r"append|truncate",
  "output": r"[\w%.-]+",
}
# Fields of a JobSet, of jobset.x-k8s.io/v1alpha2, and of what it holds.
FIELDS = {
  "": {"apiVersion", "kind", "metadata", "spec"},
  "spec": {
    "network", "failurePolicy", "successPolicy", "startupPolicy", "suspend",
    "replicatedJobs", "coordinator", "managedBy", "ttlSecondsAfterFinished",
  },
  "spec.network": {
    "enableDNSHostnames", "subdomain", "publishNotReadyAddresses"
  },
  "spec.failurePolicy": {"maxRestarts", "restartStrategy", "rules"},
  "spec.failurePolicy.rules": {
    "name", "action", "onJobFailureReasons", "targetReplicatedJobs"
  },
  "spec.replicatedJobs": {"name", "replicas", "template", "dependsOn"},
}  # fmt: skip
JOB = {
  "completionMode", "parallelism", "completions", "backoffLimit",
  "podFailurePolicy", "template", "activeDeadlineSeconds",
}  # fmt: skip
POD = {
  "restartPolicy", "terminationGracePeriodSeconds", "containers", "volumes",
  "nodeSelector", "subdomain",
}  # fmt: skip


class SyntaxTest(parameterized.TestCase):
  @parameterized.parameters(*SCRIPTS)
  def test_shell(self, name):
    done = subprocess.run(
      ["bash", "-n", DEPLOY / name],
      check=False,
      capture_output=True,
      text=True,
    )
    self.assertEqual((done.returncode, done.stderr), (0, ""))
    self.assertTrue(os.access(DEPLOY / name, os.X_OK))

  def test_sbatch(self):
    text = (DEPLOY / "slurm.sh").read_text()
    given = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", text, re.MULTILINE)
    self.assertLen(given, text.count("\n#SBATCH"))
    for option, value in given:
      with self.subTest(option):
        self.assertIn(option, SBATCH)
        self.assertRegex(value, f"^({SBATCH[option] or ''})$")
    self.assertContainsSubset(
      {"signal", "requeue", "ntasks-per-node"}, dict(given)
    )
    # sbatch reads no directive below the first command.
    head = text[: text.rindex("\n#SBATCH")].splitlines()
    self.assertTrue(all(line.startswith("#") for line in head))


class JobSetTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    try:
      import yaml
    except ImportError:
      self.skipTest("there is no yaml to read it with")
    self.jobset = yaml.safe_load((DEPLOY / "jobset.yaml").read_text())

  def test_fields(self):
    for path, known in FIELDS.items():
      at = self.jobset
      for key in filter(None, path.split(".")):
        at = at[key]
      for part in at if isinstance(at, list) else [at]:
        self.assertContainsSubset(part, known, path)
    self.assertEqual(self.jobset["apiVersion"], "jobset.x-k8s.io/v1alpha2")
    self.assertEqual(self.jobset["kind"], "JobSet")
    (job,) = self.jobset["spec"]["replicatedJobs"]
    self.assertContainsSubset(job["template"]["spec"], JOB)
    self.assertContainsSubset(job["template"]["spec"]["template"]["spec"], POD)

  def test_fits_together(self):
    (replicated,) = self.jobset["spec"]["replicatedJobs"]
    known = {"config", "workdir", *program._READ_BY}
    job = replicated["template"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    flags = dict(
      word[2:].split("=", 1)
      for word in container["command"]
      if word.startswith("--")
    )
    for flag in flags:
      self.assertIn(flag, known)
    processes = int(flags["num_processes"])
    self.assertEqual((job["parallelism"], job["completions"]), (processes,) * 2)
    # JobSet names a pod by set, job, number of the job and number of the pod.
    network = self.jobset["spec"]["network"]
    name = self.jobset["metadata"]["name"]
    port = container["ports"][0]["containerPort"]
    self.assertEqual(
      flags["coordinator_address"],
      f"{name}-{replicated['name']}-0-0.{network['subdomain']}:{port}",
    )
    self.assertEqual(flags["process_id"], "$(JOB_COMPLETION_INDEX)")
    # 1 ends all, anything else starts all again: no pod is retried alone.
    self.assertEqual((job["backoffLimit"], pod["restartPolicy"]), (0, "Never"))
    (rule,) = job["podFailurePolicy"]["rules"]
    self.assertEqual(rule["action"], "FailJob")
    self.assertEqual(
      rule["onExitCodes"],
      {"containerName": container["name"], "operator": "In", "values": [1]},
    )
    (rule,) = self.jobset["spec"]["failurePolicy"]["rules"]
    self.assertEqual(rule["action"], "FailJobSet")
    self.assertEqual(rule["onJobFailureReasons"], ["PodFailurePolicy"])
    claims = {volume["name"] for volume in pod["volumes"]}
    self.assertEqual({m["name"] for m in container["volumeMounts"]}, claims)


class ScriptTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.root = pathlib.Path(self.create_tempdir())
    self.environment = {
      **os.environ,
      "PATH": f"{self.root}:{os.environ['PATH']}",
      "RESTART_SECONDS": "0",
      "LOG": str(self.root / "log"),
    }

  def program(self, name: str, body: str) -> None:
    """A stand-in that notes what it is called with."""
    path = self.root / name
    path.write_text(
      f'#!/usr/bin/env bash\necho "{name} $*" >> "$LOG"\n{body}\n'
    )
    path.chmod(0o755)

  def run_script(self, name: str, *arguments: str, **variables: str):
    """(exit status, what the stand-ins were called with)."""
    done = subprocess.run(
      [DEPLOY / name, *arguments],
      check=False,
      env=self.environment | variables,
      capture_output=True,
      timeout=60,
    )
    log = self.root / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return done.returncode, lines

  # How the command ends each time -> how the script does.
  @parameterized.parameters(
    ((0,), 0), ((75, 75, 0), 0), ((75, 1, 0), 1), ((137, 0), 137)
  )
  def test_until_done(self, statuses, expected):
    ends = " ".join(map(str, statuses))
    body = f'ends=({ends}); exit "${{ends[$(wc -l < "$LOG") - 1]}}"'
    self.program("train", body)
    status, log = self.run_script("until_done.sh", "train", "a b")
    self.assertEqual(status, expected)
    calls = statuses.index(expected) + 1
    self.assertEqual(log, ["train a b"] * calls)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
  def test_until_done_is_told_to_leave(self, number):
    """The command is told once, saves, and is not started again."""
    # A loop of short sleeps: bash minds a signal only between commands.
    self.program(
      "train",
      "trap 'echo saved >> \"$LOG\"; exit 75' TERM\n"
      "for i in {1..600}; do sleep 0.05; done",
    )
    with subprocess.Popen(
      # Jobs in the background begin with signals ignored.
      ["env", "--default-signal", DEPLOY / "until_done.sh", "train"],
      env=self.environment,
    ) as script:
      log = self.root / "log"
      while not log.exists():
        time.sleep(0.01)
      time.sleep(0.3)  # Until the trap is set.
      script.send_signal(number)
      self.assertEqual(script.wait(20), 75)
    self.assertEqual(log.read_text().splitlines(), ["train ", "saved"])

  @parameterized.parameters(
    (0, "0", 0, False), (75, "0", 0, True), (75, "100", 75, False),
    (1, "0", 1, False)
  )  # fmt: skip
  def test_slurm(self, ends, restarts, expected, requeued):
    self.program("srun", f"exit {ends}")
    self.program("scontrol", "exit 0")
    status, log = self.run_script(
      "slurm.sh", "--config=a b", SLURM_JOB_ID="7", SLURM_RESTART_COUNT=restarts
    )
    self.assertEqual(status, expected)
    self.assertEqual(
      log[0], "srun --kill-on-bad-exit=0 python main.py --config=a b"
    )
    self.assertEqual(log[1:], ["scontrol requeue 7"] * requeued)

  def test_tpu_vm(self):
    self.program("gcloud", "exit 0")
    self.program("python3", "exit 0")
    where = {"TPU_NAME": "mine", "ZONE": "z-a"}
    status, log = self.run_script("tpu_vm.sh", "setup", **where)
    self.assertEqual(status, 0)
    self.assertLen(log, 3)
    for line in log:
      self.assertIn("--worker=all", line)
      self.assertIn("--zone=z-a", line)
    words = [x for x in shlex.split(log[1]) if not x.startswith("-")]
    self.assertEqual(words[:5], shlex.split("gcloud compute tpus tpu-vm scp"))
    self.assertEqual(words[-1], "mine:fsr_jax/")
    for name in words[5:-1]:
      self.assertTrue((ROOT / name).exists(), name)
    status, log = self.run_script(
      "tpu_vm.sh", "train", "--config=a b.py", **where, FOLDER=str(ROOT)
    )
    self.assertEqual(status, 0)
    # What the hosts would run, run here.
    command = log[-1].split("--command=")[1]
    done = subprocess.run(
      ["bash", "-c", command],
      check=False,
      env=self.environment,
      timeout=60,
    )
    self.assertEqual(done.returncode, 0)
    log = (self.root / "log").read_text().splitlines()
    self.assertEqual(log[-1], "python3 main.py --config=a b.py")

  def test_tpu_vm_says_what_is_missing(self):
    self.program("gcloud", "exit 0")
    for variables in ({}, {"TPU_NAME": "a"}, {"TPU_NAME": "a", "ZONE": "z"}):
      status, log = self.run_script("tpu_vm.sh", **variables)
      self.assertEqual((status, log), (1, []))


if __name__ == "__main__":
  absltest.main()
