"""The package beside those that people come from: values and gradients. Rows whose package is not here are passed over by name.

scripts/check-python --peers installs them and runs this.
"""

import unittest
from pathlib import Path

import numpy as np

import kd2m
import pairs

ROOT = Path(__file__).resolve().parents[3]


def names() -> dict:
    """What the calls of the table may use; packages that are not here are left out."""
    rng = np.random.default_rng(7)
    x, y, C = rng.normal(size=(40, 5)), 0.8 * rng.normal(size=(50, 5)) + 0.4, rng.random((30, 30))
    costs = lambda x, y: ((x[:, None] - y[None]) ** 2).sum(-1)
    a, b = rng.random(40), rng.random(50)
    found = dict(np=np, kd2m=kd2m, x=x, y=y, y40=y[:40], M=costs(x, y), M40=costs(x, y[:40]), C=C, a=a / a.sum(), b=b / b.sum())
    for line in [
        "from scipy.optimize import linear_sum_assignment",
        "from scipy.stats import energy_distance, wasserstein_distance",
        "import lap",
        "import ot",
        "import kd2m.torch; import torch; tx, ty, ty40 = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(y[:40].copy())",
        "from geomloss import SamplesLoss",
        "from pytorch_fid.fid_score import calculate_frechet_distance",
        "from torchmetrics.image.kid import poly_mmd",
    ]:
        try:
            exec(line, found)
        except ImportError as missing:
            print(f"passed over: {missing}")
    return found


class Pairs(unittest.TestCase):
    def test_values_are_the_same(self):
        known = names()
        tried = 0
        for package, theirs, ours, tolerance in pairs.PAIRS:
            with self.subTest(package=package, theirs=theirs):
                try:
                    value = float(eval(theirs, known))
                except NameError:
                    continue
                np.testing.assert_allclose(float(eval(ours, known)), value, rtol=tolerance)
                tried += 1
        print(f"{tried} of {len(pairs.PAIRS)} pairs")

    def test_the_page_holds_these_rows(self):
        page = ROOT / "docs" / "tables" / "python.md"
        if not page.is_file():
            self.skipTest("the repository is not here")
        self.assertIn(pairs.table(), page.read_text())


class Gradients(unittest.TestCase):
    def setUp(self):
        try:
            import torch

            import kd2m.torch
        except ImportError as missing:
            self.skipTest(str(missing))
        self.torch, self.losses = torch, kd2m.torch
        generator = torch.Generator().manual_seed(3)
        self.x = torch.randn(24, 4, generator=generator, dtype=torch.float64)
        self.y = torch.randn(24, 4, generator=generator, dtype=torch.float64) + 0.3

    def gradient(self, loss):
        leaf = self.x.clone().requires_grad_(True)
        value = loss(leaf, self.y)
        value.backward()
        return value.item(), leaf.grad

    def test_exact_transport_is_pots(self):
        try:
            import ot
        except ImportError as missing:
            self.skipTest(str(missing))
        uniform = self.torch.full((24,), 1 / 24, dtype=self.torch.float64)
        value, gradient = self.gradient(lambda x, y: ot.emd2(uniform, uniform, ot.dist(x, y)))
        ours, slope = self.gradient(self.losses.Divergence("w2"))
        self.assertAlmostEqual(ours, value, 10)
        self.torch.testing.assert_close(slope, gradient, rtol=1e-9, atol=1e-12)

    def test_closed_forms_are_autograds(self):
        torch = self.torch

        def mean(kernel):
            return lambda x, y: kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()

        squares = lambda a, b: ((a[:, None] - b[None]) ** 2).sum(-1)
        for name, options, loss in [
            ("mmd-rbf", {"bandwidth": 1.5}, mean(lambda a, b: torch.exp(-squares(a, b) / 4.5))),
            ("mmd-linear", {}, lambda x, y: ((x.mean(0) - y.mean(0)) ** 2).sum()),
            ("mmd-poly", {"degree": 3}, mean(lambda a, b: (a @ b.T / 4 + 1) ** 3)),
        ]:
            value, gradient = self.gradient(loss)
            ours, slope = self.gradient(self.losses.Divergence(name, **options))
            self.assertAlmostEqual(ours, value, 9, name)
            torch.testing.assert_close(slope, gradient, rtol=1e-7, atol=1e-10, msg=name)

    def test_a_second_derivative_is_refused(self):
        leaf = self.x.clone().requires_grad_(True)
        (slope,) = self.torch.autograd.grad(self.losses.Divergence("energy")(leaf, self.y), leaf, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "differentiated twice"):
            slope.sum().backward()

    def test_it_runs_under_compile(self):
        loss = self.losses.Divergence("w2")
        step = self.torch.compile(lambda x, y: loss(2 * x, y) + 1, backend="eager")
        leaf = self.x.clone().requires_grad_(True)
        step(leaf, self.y).backward()
        value, gradient = self.gradient(lambda x, y: loss(2 * x, y) + 1)
        self.torch.testing.assert_close(leaf.grad, gradient)

    def test_soft_labels_have_a_gradient(self):
        torch = self.torch
        logits = torch.randn(24, 3, dtype=torch.float64, requires_grad=True)
        targets = torch.softmax(torch.randn(24, 3, dtype=torch.float64), 1)
        loss = self.losses.Divergence("jw2", beta=2.0)
        loss(self.x, self.y, torch.softmax(logits, 1), targets).backward()
        self.assertGreater(logits.grad.abs().max().item(), 0)


class Jax(unittest.TestCase):
    def setUp(self):
        try:
            import jax

            import kd2m.jax
        except ImportError as missing:
            self.skipTest(str(missing))
        self.jax, self.divergence = jax, kd2m.jax.divergence
        rng = np.random.default_rng(1)
        self.x, self.y = rng.normal(size=(12, 3)).astype(np.float32), rng.normal(size=(12, 3)).astype(np.float32)

    def test_values_gradients_and_batches(self):
        jax, f = self.jax, self.divergence("energy")
        expected = kd2m.distance(self.x, self.y, "energy", gradient=True)
        value, gradient = jax.jit(jax.value_and_grad(f))(self.x, self.y)
        np.testing.assert_allclose(value, expected.value, rtol=1e-5)
        np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-4, atol=1e-6)
        doubled = jax.vmap(f)(np.stack([self.x, self.x]), np.stack([self.y, self.y]))
        np.testing.assert_allclose(doubled, [expected.value] * 2, rtol=1e-5)

    def test_a_second_derivative_is_refused(self):
        with self.assertRaisesRegex(ValueError, "JVP"):
            self.jax.hessian(self.divergence("energy"))(self.x, self.y)


if __name__ == "__main__":
    unittest.main()
