"""Criteria as modules of PyTorch: against independent PyTorch figures, PyTorch's own functions, and themselves after a save."""

import copy
import io
import json
import pickle
import unittest
from pathlib import Path

import numpy as np

import kd2m

try:
    import torch
    import torch.nn.functional as F

    from kd2m.torch import Criterion, Divergence
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from missing

GOLDEN = Path(__file__).resolve().parents[2] / "kd2m-loss" / "tests" / "golden" / "baselines.json"


def draw(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def networks(n=12, classes=4):
    """What a student and a teacher of other widths say of n samples; the student's are leaves."""
    sizes = [{"features": (5,), "logits": (classes,), "layer1": (3, 4, 4), "layer2": (4, 2, 2), "class-map": (classes, 4, 4)},
             {"features": (7,), "logits": (classes,), "layer1": (4, 8, 8), "layer2": (6, 4, 4), "class-map": (classes, 4, 4)}]
    student, teacher = ({name: draw(n, *size, seed=10 * who + at).abs() for at, (name, size) in enumerate(of.items())}
                        for who, of in enumerate(sizes))
    return {name: t.requires_grad_(True) for name, t in student.items()}, teacher


# What a criterion needs to be small here.
SMALL = {"crd": {"width": 3, "negatives": 6, "temperature": 0.5}, "cc": {"width": 3}, "kid": {"size": 6}, "gw": {}, "queue": {"size": 8}}


class Figures(unittest.TestCase):
    def test_values_and_gradients_are_those_of_other_implementations(self):
        """The file that scripts/golden/baselines.py writes: torchdistill's classes and plain PyTorch in double precision."""
        if not GOLDEN.is_file():
            self.skipTest("the repository is not here")
        golden = json.loads(GOLDEN.read_text())

        def tensors(stored):
            return {name.removeprefix("maps."): torch.tensor(t["values"]).reshape(t["shape"]) for name, t in stored.items()}

        def same(found, expected, tolerance, what):
            expected = torch.tensor(expected["values"]) if isinstance(expected, dict) else torch.tensor([expected])
            worst = (found.detach().flatten() - expected).abs().max().item()
            self.assertLessEqual(worst, tolerance * expected.abs().max().item(), what)

        tried = set()
        for case in golden["cases"]:
            with self.subTest(case["name"]):
                student, teacher = tensors(golden["student"]), tensors(golden["teacher"])
                student = {name: t.requires_grad_(True) for name, t in student.items()}
                loss = Criterion(case["criterion"], student=student, teacher=teacher, train=golden["shapes"]["samples"],
                                 seed=golden["seed"], **case["options"])
                self.assertEqual(sorted(loss.learned), sorted(key.replace(".", "/") for key in case["learned"]))
                with torch.no_grad():
                    for key, value in tensors(case["learned"]).items():
                        loss.learned[key.replace(".", "/")].copy_(value)
                loss.set_extra_state({"step": golden["step"], "memory": tensors(case["state"])})
                value = loss(student, teacher, torch.tensor(golden["labels"]), indices=torch.tensor(golden["indices"]))
                same(value, case["value"], 1e-5, "value")
                value.backward()
                moved = {name: t.grad for name, t in student.items() if t.grad is not None}
                self.assertEqual(set(moved), {name.removeprefix("maps.") for name in case["gradients"]})
                for name, expected in case["gradients"].items():
                    same(moved[name.removeprefix("maps.")], expected, 5e-5, name)
                for key, expected in case["learned_gradients"].items():
                    same(loss.learned[key.replace(".", "/")].grad, expected, 5e-5, key)
                after = loss.get_extra_state()
                self.assertEqual(after["step"], golden["step"] + 1)
                for key, expected in case["state_after"].items():
                    same(after["memory"][key], expected, 1e-5, key)
                tried.add(case["criterion"])
        methods = {name for name, facts in kd2m.criteria().items() if facts["weight"] is not None}
        self.assertEqual(tried, methods)

    def test_hinton_is_kl_div(self):
        student, teacher = draw(8, 5).requires_grad_(True), draw(8, 5, seed=1)
        for T in (1.0, 4.0):
            expected = T * T * F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="batchmean")
            (slope,) = torch.autograd.grad(expected, student)
            value = Criterion("hinton", temperature=T)(student, teacher)
            (found,) = torch.autograd.grad(value, student)
            torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-7)
            torch.testing.assert_close(found, slope, rtol=1e-4, atol=1e-7)

    def test_dist_is_pearson(self):
        student, teacher = draw(8, 5).requires_grad_(True), draw(8, 5, seed=1)
        p, q = F.softmax(student, 1), F.softmax(teacher, 1)

        def relation(a, b):
            return 1 - F.cosine_similarity(a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True), dim=1).mean()

        expected = relation(p, q) + relation(p.T, q.T)
        (slope,) = torch.autograd.grad(expected, student)
        value = Criterion("dist")(student, teacher)
        (found,) = torch.autograd.grad(value, student)
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found, slope, rtol=1e-3, atol=1e-6)

    def test_a_divergence_is_the_same_as_one(self):
        x, y = draw(10, 4).requires_grad_(True), draw(10, 4, seed=1)
        labels = torch.arange(10) % 2
        for name, options, classes in [("w2", {}, None), ("mmd-rbf", {"bandwidth": 1.0}, None), ("cw2", {}, labels)]:
            expected = Divergence(name, **options)(x, y, classes, classes)
            value = Criterion(name, **options)(x, y, classes)
            torch.testing.assert_close(value, expected)
            torch.testing.assert_close(*(torch.autograd.grad(loss, x)[0] for loss in (value, expected)))
        # Another output, by name: on probabilities.
        value = Criterion("mse", on="probabilities")(x, y)
        torch.testing.assert_close(value, ((F.softmax(x, 1) - F.softmax(y, 1)) ** 2).sum(1).mean())


class Learning(unittest.TestCase):
    def test_a_projector_is_a_linear_layer_of_pytorch(self):
        x, y = draw(10, 4).requires_grad_(True), draw(10, 6, seed=1)
        loss = Criterion("w2", student=4, teacher=y)
        weight, bias = loss.learned["projector/weight"], loss.learned["projector/bias"]
        leaves = [x, weight, bias]
        expected = torch.autograd.grad(Divergence("w2")(F.linear(x, weight, bias), y), leaves)
        found = torch.autograd.grad(loss(x, y), leaves)
        for ours, theirs in zip(found, expected):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)

    def test_an_optimizer_steps_what_is_learned(self):
        student, teacher = networks()
        labels, indices = torch.arange(12) % 4, torch.arange(12)
        learning = set()
        for name in kd2m.criteria():
            loss = Criterion(name, student=student, teacher=teacher, train=12, **SMALL.get(name, {})).eval()
            if not list(loss.parameters()):
                continue
            learning.add(name)
            before = [p.detach().clone() for p in loss.parameters()]
            optimizer = torch.optim.SGD(loss.parameters(), 1e-3)
            values = []
            for _ in range(6):
                optimizer.zero_grad()
                value = loss(student, teacher, labels, indices=indices)
                value.backward()
                optimizer.step()
                values.append(value.item())
            self.assertLess(values[-1], values[0], name)
            self.assertTrue(any((a != b).any() for a, b in zip(before, loss.parameters())), name)
        self.assertLessEqual({"w2", "fitnet", "vid", "crd", "cc", "review"}, learning)

    def test_every_criterion_is_a_module_with_finite_gradients(self):
        labels, indices = torch.arange(12) % 4, torch.arange(12)
        for name in kd2m.criteria():
            student, teacher = networks()
            loss = Criterion(name, student=student, teacher=teacher, train=12, **SMALL.get(name, {}))
            loss(student, teacher, labels, indices=indices).backward()
            moved = [t.grad for t in student.values() if t.grad is not None]
            self.assertTrue(moved, name)
            self.assertTrue(all(g.isfinite().all() and (g != 0).any() for g in moved), name)

    def test_what_learns_asks_for_sizes(self):
        student, teacher = networks()
        for name in ("fitnet", "w2", "crd"):
            with self.assertRaisesRegex(ValueError, "student= and teacher=|images to train on"):
                Criterion(name)(student, teacher, indices=torch.arange(12))
        with self.assertRaisesRegex(ValueError, "one network"):
            Criterion("fitnet", student=student)


class Saving(unittest.TestCase):
    def modules(self):
        student, teacher = networks()
        for name, options in [("crd", SMALL["crd"]), ("queue", {"size": 16}), ("cw2", {"memory": 2}), ("sinkhorn", {}), ("wkd-l", {"images": 2})]:
            yield name, lambda: Criterion(name, student=student, teacher=teacher, train=12, **options)

    def test_a_saved_module_goes_on_alike(self):
        student, teacher = networks()
        labels, indices = torch.arange(12) % 4, torch.arange(12)
        for name, fresh in self.modules():
            loss = fresh()
            step = lambda module: module(student, teacher, labels, indices=indices).item()
            first = step(loss)
            file = io.BytesIO()
            torch.save(loss.state_dict(), file)
            file.seek(0)
            loaded = fresh()
            loaded.load_state_dict(torch.load(file, weights_only=True))
            copies = [loaded, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))]
            expected = step(loss)
            # What these remember of the first batch counts in the second.
            if name in ("crd", "queue", "cw2"):
                self.assertNotEqual(first, expected, name)
            for module in copies:
                self.assertEqual(step(module), expected, name)

    def test_evaluation_remembers_nothing(self):
        student, teacher = networks()
        for name, fresh in self.modules():
            loss = fresh().eval()
            values = {loss(student, teacher, torch.arange(12) % 4, indices=torch.arange(12)).item() for _ in range(2)}
            self.assertEqual(len(values), 1, name)
            self.assertEqual(loss.get_extra_state()["step"], 0)


class Use(unittest.TestCase):
    def test_precisions_and_compile(self):
        teacher = draw(8, 5, seed=1)
        expected = Criterion("hinton")(draw(8, 5), teacher)
        for dtype, tolerance in ((torch.float64, 1e-6), (torch.bfloat16, 2e-2)):
            student = draw(8, 5).to(dtype).requires_grad_(True)
            value = Criterion("hinton")(student, teacher)
            self.assertEqual(value.dtype, dtype)
            value.backward()
            self.assertEqual(student.grad.dtype, dtype)
            torch.testing.assert_close(value.float(), expected, rtol=tolerance, atol=0)
        loss = Criterion("hinton")
        step = torch.compile(lambda x: loss(2 * x, teacher) + 1, backend="eager")
        torch.testing.assert_close(step(draw(8, 5)), Criterion("hinton")(2 * draw(8, 5), teacher) + 1)

    def test_a_second_derivative_is_refused(self):
        student = draw(8, 5).requires_grad_(True)
        (slope,) = torch.autograd.grad(Criterion("hinton")(student, draw(8, 5, seed=1)), student, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "differentiated twice"):
            slope.sum().backward()

    def test_weights_of_authors(self):
        self.assertEqual(Criterion("hinton").weight, 0.9)
        self.assertEqual(Criterion("kd").weight, 0.9)
        self.assertIsNone(Criterion("w2").weight)

    def test_unpaired_samples(self):
        x, y = draw(6, 4), draw(9, 4, seed=1)
        labels = [torch.arange(6) % 2, torch.arange(9) % 2]
        torch.testing.assert_close(Criterion("w2")(x, y), Divergence("w2")(x, y))
        torch.testing.assert_close(Criterion("cw2")(x, y, labels[0], labels_teacher=labels[1]), Divergence("cw2")(x, y, *labels))

    def test_what_is_wrong_is_said(self):
        student, teacher = networks()
        logits, labels = student["logits"], torch.arange(12) % 4
        made = Criterion("hinton")
        made(logits, teacher["logits"])
        for call, words in [
            (lambda: Criterion("hintn"), "hinton"),
            (lambda: Criterion("Wasserstein"), "w2"),
            (lambda: Criterion("hinton", temprature=2), "temperature"),
            (lambda: Criterion("hinton", temperature=-2), "0.001"),
            (lambda: Criterion("hinton", on="layer1"), "chooses its own outputs"),
            (lambda: Criterion("kid-less"), "unknown criterion"),
            (lambda: Criterion("at")(student["layer1"], teacher["layer1"]), "by name"),
            (lambda: Criterion("at", stages="layer9", student=student, teacher=teacher), "layer9"),
            (lambda: Criterion("hinton")({"features": logits}, {"features": logits}), "logits"),
            (lambda: Criterion("pkt")({"logits": logits}, {"logits": logits}), "features"),
            (lambda: Criterion("jw2")(logits, logits), "features and logits"),
            (lambda: made(draw(12, 3), draw(12, 3)), "made for"),
            (lambda: made(logits[:3], teacher["logits"]), "sample by sample"),
            (lambda: made(logits[:0], teacher["logits"][:0]), "no samples"),
            (lambda: made({"logits": logits, "features": logits[:2]}, {"features": logits}), "logits of the teacher"),
            (lambda: Criterion("hinton")(draw(3, 4), draw(3, 5)), "classes"),
            (lambda: Criterion("hinton")(draw(3, 4, 2), draw(3, 4, 2)), "dimensions"),
            (lambda: Criterion("dkd")(logits, teacher["logits"]), "labels"),
            (lambda: Criterion("dkd")(logits, teacher["logits"], labels[:4]), "4 labels of 12"),
            (lambda: Criterion("dkd")(logits, teacher["logits"], labels + 1), "class 4"),
            (lambda: Criterion("dkd")(logits, teacher["logits"], labels - 1), "whole number"),
            (lambda: Criterion("crd", student=student, teacher=teacher, train=12)(student, teacher), "place of each sample"),
            (lambda: Criterion("crd", student=student, teacher=teacher, train=12)(student, teacher, indices=torch.arange(12) + 1), "sample 12"),
            (lambda: Criterion("crd", student=student, teacher=teacher), "train"),
            (lambda: Criterion("w2")(torch.full((3, 2), torch.nan), torch.zeros(3, 2)), "NaN"),
        ]:
            with self.assertRaises(ValueError) as raised:
                call()
            self.assertIn(words, str(raised.exception))

    def test_many_threads_may_use_one(self):
        from concurrent.futures import ThreadPoolExecutor

        loss, x, y = Criterion("sinkhorn").eval(), draw(64, 4), draw(64, 4, seed=1)
        expected = loss(x, y).item()
        with ThreadPoolExecutor(4) as threads:
            self.assertEqual(set(threads.map(lambda _: loss(x, y).item(), range(32))), {expected})


class Documentation(unittest.TestCase):
    def test_examples(self):
        import doctest

        import kd2m._criterion
        import kd2m._gather
        import kd2m.torch

        for module, least in ((kd2m._criterion, 5), (kd2m._gather, 1), (kd2m.torch, 4)):
            failed, tried = doctest.testmod(module)
            self.assertEqual(failed, 0, module.__name__)
            self.assertGreaterEqual(tried, least, module.__name__)


if __name__ == "__main__":
    unittest.main()
