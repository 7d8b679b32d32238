"""Signals ask a run to stop; where Python handles none, they are left alone."""

import os
import signal
import threading

from absl.testing import absltest

from fsr_jax.run.stop import SIGNALS, Stop


class StopTest(absltest.TestCase):
  def test_the_first_asks_and_the_third_interrupts(self):
    # A shell's background jobs begin with SIGINT ignored, those of nohup with
    # SIGHUP.
    before, stop = signal.default_int_handler, Stop()
    for number in (signal.SIGINT, signal.SIGHUP):
      found = signal.signal(number, before)
      self.addCleanup(signal.signal, number, found)
    with self.assertRaises(KeyboardInterrupt), stop.on(SIGNALS):
      os.kill(os.getpid(), signal.SIGTERM)
      self.assertTrue(stop.asked)
      os.kill(os.getpid(), signal.SIGHUP)
      os.kill(os.getpid(), signal.SIGINT)
    self.assertIs(signal.getsignal(signal.SIGINT), before)
    with stop.on(()):
      self.assertFalse(stop.asked)

  def test_what_nohup_ignores_asks_nothing(self):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    self.addCleanup(signal.signal, signal.SIGHUP, before)
    stop = Stop()
    with stop.on(SIGNALS):
      os.kill(os.getpid(), signal.SIGHUP)
      self.assertFalse(stop.asked)

  def test_in_another_thread_nothing_is_installed(self):
    seen = []

    def look():
      with Stop().on(SIGNALS):
        seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    self.assertEqual(seen, [signal.getsignal(signal.SIGINT)])


if __name__ == "__main__":
  absltest.main()
