"""The package with NumPy alone: python -m unittest discover -s crates/kd2m-py/tests."""

import ast
import doctest
import inspect
import itertools
import json
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np

import kd2m
import kd2m._kd2m


def clouds(n, m, d, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(dtype), (1.2 * rng.normal(size=(m, d)) + 0.3).astype(dtype)


def costs(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


class Documentation(unittest.TestCase):
    def public(self):
        """Every public name with what it is; a module's own names in its place."""
        for name in kd2m.__all__:
            found = getattr(kd2m, name)
            if inspect.ismodule(found):
                own = {n: f for n, f in vars(found).items() if inspect.isfunction(f) and f.__module__ == found.__name__}
                yield from ((f"{name}.{n}", f) for n, f in own.items() if not n.startswith("_"))
            else:
                yield name, found

    def test_every_public_name_is_explained_with_an_example(self):
        for name, found in self.public():
            told = inspect.getdoc(found) or ""
            with self.subTest(name):
                example = doctest.DocTestParser().get_doctest(told, {**vars(inspect.getmodule(found) or kd2m)}, name, None, None)
                self.assertTrue(example.examples, "no example")
                self.assertEqual(doctest.DocTestRunner(verbose=False).run(example).failed, 0)
                if inspect.isfunction(found) and name not in ("metrics", "criteria"):
                    self.assertRegex(told, "Raises `|are those of `w2`")
                    self.assertRegex(told, " × |folder")

    def test_examples_of_modules(self):
        for module in (kd2m, kd2m.batch):
            self.assertEqual(doctest.testmod(module).failed, 0, module.__name__)

    def test_the_stub_is_the_extension_module(self):
        stub = ast.parse((Path(kd2m.__file__).parent / "_kd2m.pyi").read_text())
        told = {f.name: [a.arg for a in f.args.args] for f in stub.body if isinstance(f, ast.FunctionDef)}
        public = {name: getattr(kd2m._kd2m, name) for name in dir(kd2m._kd2m) if not name.startswith("_")}
        real = {name: list(inspect.signature(f).parameters) for name, f in public.items() if inspect.isbuiltin(f)}
        self.assertEqual(told, real)
        classes = {c.name: c for c in stub.body if isinstance(c, ast.ClassDef) and c.name != "Kd2mError"}
        for name, told in classes.items():
            methods = {f.name: [a.arg for a in f.args.args[1:]] for f in told.body if isinstance(f, ast.FunctionDef)}
            real = {f: list(inspect.signature(getattr(public[name], f)).parameters)[1:] for f in methods if f != "__new__"}
            self.assertEqual({f: a for f, a in methods.items() if f != "__new__"}, real)
            self.assertEqual(methods["__new__"], list(inspect.signature(public[name]).parameters))
        self.assertEqual(set(classes), {name for name, f in public.items() if inspect.isclass(f)} - {"Kd2mError"})


class Values(unittest.TestCase):
    def test_w2_is_the_best_of_all_permutations(self):
        for dtype, places in ((np.float64, 12), (np.float32, 5)):
            x, y = clouds(6, 6, 3, dtype)
            cost = costs(x.astype(np.float64), y.astype(np.float64))
            least = min(sum(cost[i, p[i]] for i in range(6)) / 6 for p in itertools.permutations(range(6)))
            found = kd2m.w2(x, y, plan=True)
            self.assertAlmostEqual(found.value, least, places)
            self.assertAlmostEqual((found.plan.to_dense() * cost).sum(), least, places)
            self.assertEqual(found.status, "optimal")

    def test_gradients_are_finite_differences(self):
        x, y = clouds(7, 9, 3)
        for metric, options in [("w2", {}), ("energy", {}), ("sinkhorn", {"epsilon": 0.5, "tolerance": 1e-12}),
                                ("mmd-rbf", {"bandwidth": 1.0}), ("gaussian-w2-diag", {})]:
            gradient = kd2m.distance(x, y, metric, gradient=True, **options).gradient
            moved, h = x.copy(), 1e-5
            for i, k in [(0, 0), (3, 2), (6, 1)]:
                moved[i, k] = x[i, k] + h
                above = kd2m.distance(moved, y, metric, **options).value
                moved[i, k] = x[i, k] - h
                below = kd2m.distance(moved, y, metric, **options).value
                moved[i, k] = x[i, k]
                self.assertAlmostEqual(gradient[i, k], (above - below) / (2 * h), 5, metric)

    def test_classes_are_kept_apart(self):
        x, y = clouds(8, 8, 2)
        labels = np.repeat([0, 1], 4)
        found = kd2m.distance(x, y, "cw2", labels_x=labels, labels_y=labels).value
        by_hand = np.mean([kd2m.w2(x[labels == c], y[labels == c]).value for c in (0, 1)])
        self.assertAlmostEqual(found, by_hand, 12)

    def test_closed_forms(self):
        x, y = clouds(50, 60, 4)
        self.assertAlmostEqual(kd2m.distance(x, y, "mmd-linear").value, ((x.mean(0) - y.mean(0)) ** 2).sum(), 10)
        low, high = kd2m.bounds(x, y)
        self.assertLessEqual(low, kd2m.w2(x, y).value + 1e-12)
        self.assertLessEqual(kd2m.w2(x, y).value, high + 1e-12)

    def test_bounds_are_two_numbers(self):
        x, y = clouds(300, 300, 5)
        low, high = kd2m.bounds(x, y, block=64)
        self.assertLess(low, high)


class Assignment(unittest.TestCase):
    def test_rectangles_and_the_dearest(self):
        rng = np.random.default_rng(3)
        for n, m in [(4, 4), (3, 5), (5, 3), (1, 4)]:
            cost = rng.integers(-9, 9, size=(n, m)).astype(float)
            for maximize in (False, True):
                few, many = min(n, m), max(n, m)
                oriented = cost if n <= m else cost.T
                totals = [sum(oriented[i, p[i]] for i in range(few)) for p in itertools.permutations(range(many), few)]
                rows, columns = kd2m.linear_sum_assignment(cost, maximize=maximize)
                self.assertEqual(cost[rows, columns].sum(), max(totals) if maximize else min(totals))
                self.assertEqual(len(set(columns)), few)
                self.assertTrue(np.all(np.diff(rows) > 0) or few == 1)

    def test_empty_and_integers(self):
        self.assertEqual([len(side) for side in kd2m.linear_sum_assignment(np.empty((0, 3)))], [0, 0])
        rows, columns = kd2m.linear_sum_assignment([[1, 2], [3, 5]])
        self.assertEqual(list(columns), [1, 0])

    def test_emd_meets_its_margins(self):
        rng = np.random.default_rng(1)
        a, b, M = rng.random(6), rng.random(9), rng.random((6, 9))
        plan, log = kd2m.emd(a, b, M, log=True)
        np.testing.assert_allclose(plan.sum(1), a / a.sum(), atol=1e-12)
        np.testing.assert_allclose(plan.sum(0), b / b.sum(), atol=1e-12)
        self.assertAlmostEqual((plan * M).sum(), log["cost"], 12)
        self.assertIsNone(log["warning"])
        slack = M - log["u"][:, None] - log["v"][None]
        self.assertGreater(slack.min(), -1e-9)
        self.assertAlmostEqual(log["u"] @ (a / a.sum()) + log["v"] @ (b / b.sum()), log["cost"], 9)

    def test_a_start_changes_nothing_but_time(self):
        x, y = clouds(40, 40, 3)
        cold = kd2m.w2(x, y, plan=True)
        warm = kd2m.w2(x, y, plan=True, start=cold.potentials)
        self.assertAlmostEqual(cold.value, warm.value, 12)


    def test_a_price_leaves_dear_pairs_unmatched(self):
        rng = np.random.default_rng(11)
        for n, m in [(3, 3), (2, 4), (4, 3)]:
            for limit in (0.2, 0.5, 2.0):
                cost = rng.random((n, m))

                def least(i, free):
                    """The least total of rows from i on: each unmatched at the price, shared with an unmatched column."""
                    if i == n:
                        return 0.0
                    takes = [cost[i, j] - limit + least(i + 1, free - {j}) for j in free]
                    return min([least(i + 1, free), *takes])

                rows, columns = kd2m.linear_sum_assignment(cost, cost_limit=limit)
                self.assertTrue(np.all(cost[rows, columns] < limit))
                self.assertAlmostEqual((cost[rows, columns] - limit).sum(), least(0, frozenset(range(m))), 12)
        with self.assertRaisesRegex(ValueError, "maximize"):
            kd2m.linear_sum_assignment(cost, True, cost_limit=1.0)


class Explanations(unittest.TestCase):
    def test_shares_sum_to_the_value(self):
        x, y = clouds(30, 40, 5)
        labels_x, labels_y = np.arange(30) % 3, np.arange(40) % 4
        for metric in ("w1", "w2"):
            for weights in (None, np.arange(1.0, 31.0)):
                value = kd2m.distance(x, y, metric, weights_x=weights).value
                found = kd2m.explain(x, y, metric, weights_x=weights, labels_x=labels_x, labels_y=labels_y)
                for shares in (found.pairs, found.features, found.classes):
                    self.assertAlmostEqual(shares.sum(), value, 10)
                self.assertEqual(found.classes.shape, (3, 4))
        # A feature that alone differs has the whole distance.
        moved = x.copy()
        moved[:, 3] += 100.0
        self.assertAlmostEqual(kd2m.explain(x, moved).features[3], 1e4, 6)
        with self.assertRaisesRegex(ValueError, "mmd-rbf"):
            kd2m.explain(x, y, "mmd-rbf")

    def test_a_permutation_test_is_exact(self):
        # Two and two samples: of the six ways to deal them two have the largest distance.
        found = kd2m.permutation_test([[0.0], [1.0]], [[10.0], [11.0]], permutations=4000)
        self.assertAlmostEqual(found.p, 1 / 3, delta=0.03)
        self.assertEqual(found.value, 100.0)
        # Under equality p is uniform: its mean over many draws is a half.
        p = [kd2m.permutation_test(*clouds(8, 8, 1, seed=s)[:1], clouds(8, 8, 1, seed=s + 1000)[0], "energy", permutations=39).p for s in range(60)]
        self.assertAlmostEqual(np.mean(p), 0.5, delta=0.15)

    def test_a_map_carries_new_samples(self):
        x, y = clouds(25, 25, 3)
        move = kd2m.Barycentric().fit(x, y)
        np.testing.assert_allclose(move.transform(x), move.moved_, atol=1e-12)
        np.testing.assert_allclose(np.sort(move.moved_, 0), np.sort(y, 0), atol=1e-12)
        nearest = ((x - x[4] - 0.001) ** 2).sum(1).argmin()
        np.testing.assert_allclose(move.transform(x[4:5] + 0.001)[0], x[4] + 0.001 + move.moved_[nearest] - x[nearest], atol=1e-12)


class Runs(unittest.TestCase):
    def test_a_run_folder_is_two_tables(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("pandas is not here")
        with tempfile.TemporaryDirectory() as place:
            student = Path(place) / "students" / "w2" / "seed-3"
            student.mkdir(parents=True)
            (Path(place) / "config.toml").write_text("name = 'x'")
            (student / "summary.json").write_text(json.dumps({"test_accuracy": 91.5, "best_val": {"epoch": 2}}))
            lines = [{"epoch": e, "train": {"loss": 1.0 / e, "terms": {"w2": {"raw": 2.0}}}} for e in (1, 2)]
            (student / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            students, epochs = kd2m.load_run(place)
            self.assertEqual(students.loc[0, ["arm", "seed", "test_accuracy", "best_val.epoch"]].tolist(), ["w2", 3, 91.5, 2])
            self.assertEqual(epochs["train.loss"].tolist(), [1.0, 0.5])
            self.assertEqual(epochs["train.terms.w2.raw"].tolist(), [2.0, 2.0])
            with self.assertRaisesRegex(ValueError, "no run folder"):
                kd2m.load_run(student)


class Batches(unittest.TestCase):
    def test_each_problem_is_as_alone(self):
        rng = np.random.default_rng(5)
        X, Y = rng.normal(size=(6, 12, 3)), rng.normal(size=(6, 15, 3))
        values, gradients = kd2m.batch.w2(X, Y, gradient=True)
        for b in range(6):
            alone = kd2m.w2(X[b], Y[b], gradient=True)
            self.assertEqual(values[b], alone.value)
            np.testing.assert_array_equal(gradients[b], alone.gradient)
        ragged, parts = kd2m.batch.w2([X[0], X[1][:4]], [Y[0], Y[1]], gradient=True)
        self.assertEqual(ragged[0], values[0])
        self.assertEqual(parts[1].shape, (4, 3))
        C = rng.random((4, 5, 7))
        rows, columns = kd2m.batch.linear_sum_assignment(C)
        for b in range(4):
            np.testing.assert_array_equal(columns[b], kd2m.linear_sum_assignment(C[b])[1])


class Input(unittest.TestCase):
    def test_layouts_and_precisions(self):
        x, y = clouds(20, 20, 6)
        value = kd2m.w2(x, y).value
        self.assertEqual(kd2m.w2(np.asfortranarray(x), y[:, :]).value, value)
        wide = np.zeros((20, 12))
        wide[:, ::2] = x
        self.assertEqual(kd2m.w2(wide[:, ::2], y).value, value)
        self.assertEqual(kd2m.w2(x.tolist(), y).value, value)
        mixed = kd2m.w2(x.astype(np.float32), y)
        self.assertAlmostEqual(mixed.value, value, 5)
        kd2m.w2(x.astype(np.float16), y.astype(np.float16))
        x.flags.writeable = False
        self.assertEqual(kd2m.w2(x, y).value, value)

    def test_what_is_wrong_is_said(self):
        x, y = clouds(5, 5, 2)
        bad = x.copy()
        bad[3, 1] = np.nan
        for call, words in [
            (lambda: kd2m.w2(bad, y), "3"),
            (lambda: kd2m.w2(x, y[:, :1]), "gw"),
            (lambda: kd2m.distance(x, y, "sinkhorm"), "sinkhorn"),
            (lambda: kd2m.distance(x, y, "sinkhorn", epsilom=1), "epsilon"),
            (lambda: kd2m.distance(x, y, "sinkhorn", epsilon=-1), "1e-100"),
            (lambda: kd2m.w2(x[0], y), "n × d"),
            (lambda: kd2m.distance(x, y, "cw2"), "labels"),
            (lambda: kd2m.linear_sum_assignment([[np.inf, 1.0], [1.0, 1.0]]), "inf"),
            (lambda: kd2m.solve(np.ones((2, 2)), a=[1.0, -1.0]), "-1"),
            (lambda: kd2m.solve(np.ones(3)), "n × d"),
            (lambda: kd2m.distance(x, y, "cw2", labels_x=[0, 1, 2, 3, -1], labels_y=[0] * 5), "whole number"),
        ]:
            with self.assertRaises(ValueError) as raised:
                call()
            self.assertIn(words, str(raised.exception))

    def test_results_travel(self):
        found = kd2m.w2(*clouds(5, 6, 2), gradient=True, plan=True)
        again = pickle.loads(pickle.dumps(found))
        self.assertEqual(again.value, found.value)
        np.testing.assert_array_equal(again.plan.to_dense(), found.plan.to_dense())
        self.assertEqual(float(found), found.value)
        moved = found.plan.barycentric(clouds(5, 6, 2)[1])
        self.assertEqual(moved.shape, (5, 2))


class Running(unittest.TestCase):
    def test_the_import_brings_little_beyond_numpy(self):
        code = "import sys, numpy; before = set(sys.modules); import kd2m; print(*sorted(set(sys.modules) - before))"
        brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        slow = {"concurrent.futures", "json", "logging", "pathlib", "pandas", "scipy", "torch"}
        self.assertEqual(slow & set(brought), set())

    def test_other_threads_run_meanwhile(self):
        x, y = clouds(1500, 1400, 16)
        counted = 0
        done = threading.Event()

        def count():
            nonlocal counted
            while not done.is_set():
                counted += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        kd2m.w2(x, y)
        done.set()
        thread.join()
        self.assertGreater(counted, 3)

    def test_a_signal_ends_a_long_solve(self):
        code = "import numpy as np, kd2m\nx = np.random.default_rng(0).normal(size=(20000, 64))\nprint('begin', flush=True)\nkd2m.w2(x, x[::-1] * 1.1 + 1)"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline().strip(), "begin")
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        self.assertIn("KeyboardInterrupt", told)
        # A tenth of a second where nothing else runs; a machine that tests runs much else.
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    unittest.main()
