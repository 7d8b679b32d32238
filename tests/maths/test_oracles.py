"""Weights against oracles that share no code with `fsr_jax.maths.reweight`.

Three sources, each derived from the definition and not from the code: algebra
by hand in NumPy, finite differences through a look-ahead step written in NumPy,
and second-order automatic differentiation by PyTorch (where installed).

Definition (Algorithm 1, eqs. 2 and 3 of the paper), with l_i the loss of sample
i, R the mean loss of the reward batch, m an optional extra gradient:

  Theta*(omega) = Theta - eta (sum_i omega_i grad l_i(Theta) + m)
  g_i           = d R(Theta*(omega)) / d omega_i    at omega = 1/B

All in float64, so that the tolerances leave no room for a wrong term.
"""

import importlib.util
import unittest

from absl.testing import absltest, parameterized
import jax
import jax.numpy as jnp
import numpy as np

from fsr_jax.maths import losses, reweight

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
  import torch
  import torch.nn.functional as torch_f

ETA, ALPHA, BN_EPSILON, WIDTH = 0.3, 2.5, 1e-5, 7
SIZES = {  # B, Q, F, C
  "one_sample": (1, 3, 2, 2),
  "few": (6, 5, 4, 3),
  "ten_classes": (32, 20, 16, 10),
}
NETWORKS = ("linear", "two_layers", "batch_norm")


class Problem:
  """Arrays of one step, NumPy float64; nothing here knows about a framework."""

  def __init__(self, network, size="few", seed=0, momentum=False):
    rng = np.random.default_rng(seed)
    self.network, self.momentum = network, momentum
    self.b, self.q, f, c = SIZES[size]
    self.x = rng.normal(size=(self.b, f))
    self.x_reward = rng.normal(size=(self.q, f))
    self.y = rng.dirichlet(np.ones(c), size=self.b)  # soft: MixUp, smoothing
    self.y_reward = np.eye(c)[rng.integers(c, size=self.q)]
    width = f if network == "linear" else WIDTH
    shapes = {"kernel": (width, c), "bias": (c,)}
    if network != "linear":
      shapes["hidden"] = (f, WIDTH)
    if network == "batch_norm":
      shapes |= {"gamma": (WIDTH,), "beta": (WIDTH,)}
    self.params = {k: rng.normal(size=s) for k, s in shapes.items()}
    self.extra = {
      k: momentum * 0.9 * rng.normal(size=s) for k, s in shapes.items()
    }


def jax_logits(network, params, x, frozen_statistics=False):
  if network == "linear":
    return x @ params["kernel"] + params["bias"]
  h = x @ params["hidden"]
  if network == "batch_norm":
    mean, var = jnp.mean(h, axis=0), jnp.var(h, axis=0)
    if frozen_statistics:
      mean, var = jax.lax.stop_gradient((mean, var))
    h = (h - mean) / jnp.sqrt(var + BN_EPSILON)
    h = params["gamma"] * h + params["beta"]
  return jnp.tanh(h) @ params["kernel"] + params["bias"]


def run_fsr(problem, start="uniform", frozen_statistics=False):
  """dict of everything fsr_jax computes for this problem, as NumPy arrays.

  start: "uniform", omega = 1/B; or "zero", the omega = 0 of L2R, where the
    look-ahead step has length 0 and Theta* is Theta.
  """
  with jax.enable_x64(True):
    as_jax = lambda *trees: jax.tree.map(jnp.asarray, trees)
    x, y, x_reward, y_reward = as_jax(
      problem.x, problem.y, problem.x_reward, problem.y_reward
    )
    params, extra = as_jax(problem.params, problem.extra)
    train = lambda p: losses.cross_entropy(
      jax_logits(problem.network, p, x, frozen_statistics), y
    )
    reward = lambda p: losses.cross_entropy(
      jax_logits(problem.network, p, x_reward), y_reward
    )
    ahead = params
    if start == "uniform":
      ahead = reweight.lookahead(
        train, params, ETA, extra if problem.momentum else None
      )
    reward_loss, v = reweight.reward_gradient(reward, ahead)
    g = reweight.weight_gradient(train, params, v, ETA)
    results = {"ahead": ahead, "reward_loss": reward_loss, "v": v, "g": g}
    for name in ("clip", "shift"):
      raw = reweight.WEIGHT_RULES[name](g, ALPHA)
      results |= {name: raw, f"{name}_weights": reweight.normalize(raw)}
    return jax.tree.map(np.asarray, results)


def softmax(z):
  z = np.exp(z - z.max(axis=1, keepdims=True))
  return z / z.sum(axis=1, keepdims=True)


def cross_entropy(logits, y):
  """-sum_c y_c log p_c; log p_c = z_c - log sum exp z."""
  z = logits - logits.max(axis=1, keepdims=True)
  return -(y * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))).sum(axis=1)


def rules_by_hand(g):
  """Both rules, and what they give divided by their sum, if any.

  clip: a step of -alpha g from omega = 0, negatives removed (released code).
  shift: a step of -alpha g from omega = 1/B; subtract the minimum; add 1/B
  (section 5.2, long tails).
  """
  omega = 1 / len(g) - ALPHA * g
  raw = {
    "clip": np.where(g < 0, -ALPHA * g, 0),
    "shift": omega - omega.min() + 1 / len(g),
  }
  weights = {f"{k}_weights": r / (r.sum() or 1) for k, r in raw.items()}
  return raw | weights


def linear_by_hand(problem):
  """Everything `run_fsr` computes, for a linear softmax head.

  l = -sum_c y_c log p_c with p = softmax(z) and z = h W + b. From
  d log p_c / d z_k = [c = k] - p_k and sum_c y_c = 1: dl/dz = p - y. Hence
  dl/dW[f, k] = h_f (p_k - y_k) and dl/db = p - y, stored sample by sample.
  Theta* takes their mean; v is their mean over the reward batch, with p at
  Theta*; by the chain rule (eq. 6) dR/d omega_i = <v, -eta grad l_i>.
  """
  params, extra = problem.params, problem.extra

  def sample_gradients(kernel, bias, x, y):
    error = softmax(x @ kernel + bias) - y
    return {"kernel": np.einsum("if,ik->ifk", x, error), "bias": error}

  grads = sample_gradients(**params, x=problem.x, y=problem.y)
  ahead = {k: params[k] - ETA * (grads[k].mean(0) + extra[k]) for k in params}
  x, y = problem.x_reward, problem.y_reward
  v = {k: a.mean(0) for k, a in sample_gradients(**ahead, x=x, y=y).items()}
  dot = lambda i: sum(np.sum(v[k] * grads[k][i]) for k in params)
  g = np.array([-ETA * dot(i) for i in range(problem.b)])
  reward_loss = cross_entropy(x @ ahead["kernel"] + ahead["bias"], y).mean()
  results = {"ahead": ahead, "reward_loss": reward_loss, "v": v, "g": g}
  return results | rules_by_hand(g)


def numpy_network(network, p, x):
  """(logits, what the way back needs)."""
  if network == "linear":
    return x @ p["kernel"] + p["bias"], (x,)
  h, sigma, normal = x @ p["hidden"], None, None
  if network == "batch_norm":
    sigma = np.sqrt(np.mean((h - h.mean(axis=0)) ** 2, axis=0) + BN_EPSILON)
    normal = (h - h.mean(axis=0)) / sigma
    h = normal * p["gamma"] + p["beta"]
  a = np.tanh(h)
  return a @ p["kernel"] + p["bias"], (a, sigma, normal)


def weighted_gradient(network, p, x, y, omega):
  """grad sum_i omega_i l_i by back-propagation on paper.

  tanh' = 1 - tanh^2. Through n = (h - mean h) / sigma, both statistics of the
  batch: dh = (dn - mean dn - n mean(n dn)) / sigma.
  """
  logits, (a, *batch_norm) = numpy_network(network, p, x)
  dz = omega[:, None] * (softmax(logits) - y)
  grads = {"kernel": a.T @ dz, "bias": dz.sum(axis=0)}
  if network == "linear":
    return grads
  dh = (dz @ p["kernel"].T) * (1 - a**2)
  if network == "batch_norm":
    sigma, n = batch_norm
    grads |= {"gamma": (n * dh).sum(axis=0), "beta": dh.sum(axis=0)}
    dn = dh * p["gamma"]
    dh = (dn - dn.mean(axis=0) - n * (n * dn).mean(axis=0)) / sigma
  return grads | {"hidden": x.T @ dh}


def finite_differences(problem, h=1e-3):
  """g: central differences of R(Theta*(omega)), error h^4 (five points)."""
  p = problem

  def reward_loss(omega):
    step = weighted_gradient(p.network, p.params, p.x, p.y, omega)
    ahead = {k: p.params[k] - ETA * (step[k] + p.extra[k]) for k in step}
    logits, _ = numpy_network(p.network, ahead, p.x_reward)
    return cross_entropy(logits, p.y_reward).mean()

  def slope(e):
    f = lambda steps: reward_loss(np.full(p.b, 1 / p.b) + steps * h * e)
    return (8 * (f(1) - f(-1)) - (f(2) - f(-2))) / (12 * h)

  return np.array([slope(e) for e in np.eye(p.b)])


def assert_same(actual, expected):
  for name, value in expected.items():
    same = lambda a, e, n=name: np.testing.assert_allclose(
      a, e, rtol=1e-11, atol=1e-13, err_msg=n
    )
    jax.tree.map(same, actual[name], value)


class NumpyOracleTest(parameterized.TestCase):
  @parameterized.product(size=list(SIZES), momentum=[False, True], seed=[0, 6])
  def test_linear_head_by_hand(self, size, momentum, seed):
    problem = Problem("linear", size, seed, momentum)
    assert_same(run_fsr(problem), linear_by_hand(problem))

  @parameterized.product(network=NETWORKS, momentum=[False, True])
  def test_finite_differences_through_the_step(self, network, momentum):
    problem = Problem(network, seed=2, momentum=momentum)
    actual, expected = run_fsr(problem), finite_differences(problem)
    np.testing.assert_allclose(actual["g"], expected, rtol=1e-8, atol=1e-11)

  def test_batch_statistics_carry_gradient(self):
    """The coupling of samples by their batch is no rounding error here."""
    problem = Problem("batch_norm", seed=2)
    frozen = run_fsr(problem, frozen_statistics=True)
    gap = np.abs(frozen["g"] - finite_differences(problem)).max()
    self.assertGreater(gap, 1e-3)


def torch_logits(network, p, x):
  if network == "linear":
    return x @ p["kernel"] + p["bias"]
  h = x @ p["hidden"]
  if network == "batch_norm":
    centred = h - h.mean(dim=0)
    h = centred * ((centred**2).mean(dim=0) + BN_EPSILON).rsqrt()
    h = h * p["gamma"] + p["beta"]
  return h.tanh() @ p["kernel"] + p["bias"]


def torch_weight_gradient(problem, start):
  """g as L2R computes it: autograd through the step that autograd took."""
  tensor = lambda a: torch.tensor(a, dtype=torch.float64)
  params = {k: tensor(a).requires_grad_() for k, a in problem.params.items()}
  omega = tensor(np.full(problem.b, 1 / problem.b))
  omega = (omega if start == "uniform" else 0 * omega).requires_grad_()

  def sample_losses(p, x, y):
    logits = torch_logits(problem.network, p, tensor(x))
    return torch_f.cross_entropy(logits, tensor(y), reduction="none")

  loss = torch.sum(omega * sample_losses(params, problem.x, problem.y))
  grads = torch.autograd.grad(loss, list(params.values()), create_graph=True)
  ahead = {
    k: p - ETA * (grad + tensor(problem.extra[k]))
    for (k, p), grad in zip(params.items(), grads)
  }
  reward = sample_losses(ahead, problem.x_reward, problem.y_reward).mean()
  return torch.autograd.grad(reward, omega)[0].numpy()


@unittest.skipUnless(HAS_TORCH, "PyTorch, the oracle here, is not installed")
class TorchOracleTest(parameterized.TestCase):
  @parameterized.product(
    network=NETWORKS,
    start=[("zero", False), ("uniform", False), ("uniform", True)],
    seed=[1, 6],  # zero and positive clipped weights in every case
  )
  def test_second_order_autograd(self, network, start, seed):
    omega, momentum = start
    problem = Problem(network, seed=seed, momentum=momentum)
    g = torch_weight_gradient(problem, omega)
    assert_same(run_fsr(problem, omega), {"g": g} | rules_by_hand(g))

  def test_batch_norm_by_hand_is_pytorchs(self):
    problem = Problem("batch_norm", seed=1)
    p = {k: torch.tensor(a) for k, a in problem.params.items()}
    x = torch.tensor(problem.x)
    h = x @ p["hidden"]
    h = torch_f.batch_norm(h, None, None, p["gamma"], p["beta"], training=True)
    expected = h.tanh() @ p["kernel"] + p["bias"]
    actual = torch_logits("batch_norm", p, x)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


if __name__ == "__main__":
  absltest.main()
