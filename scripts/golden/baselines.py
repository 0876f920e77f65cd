#!/usr/bin/env python3
"""Values and gradients of the field's distillation losses on fixed small inputs, from implementations that share nothing with kd2m.

    python scripts/golden/baselines.py > crates/kd2m-loss/tests/golden/baselines.json

torchdistill's classes where it has the method as its authors publish it, plain PyTorch written from the formula elsewhere; double precision.
Needs torch and torchdistill (made with torch 2.15.0, torchdistill 1.1.5).

Where torchdistill differs from the method, and plain PyTorch stands in:
SPKDLoss scales rows by their 1-norm (the paper and RepDistiller: 2-norm). ChSimLoss divides by the batch twice (the authors' CIFAR code: once), so
its value is multiplied by n. CCKDLoss takes the norm, not its square, and no unit vectors: it gets unit vectors and its value is squared here.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
import math

import torch
from torch.nn import functional as F
from torchdistill.losses import mid_level

N, CLASSES, SAMPLES = 5, 4, 11
STUDENT = {"features": 5, "maps": {"layer1": (3, 4, 4), "layer2": (4, 2, 2)}}
TEACHER = {"features": 7, "maps": {"layer1": (4, 8, 8), "layer2": (6, 4, 4)}}
LABELS = [2, 0, 3, 2, 1]
INDICES = [7, 0, 3, 10, 4]
# Drawn by Crd::negatives for seed 7, step 3: a change of the generator shows as a failure of the test.
NEGATIVES = [10, 2, 0, 8, 10, 3]

random = torch.Generator().manual_seed(12)


def draw(*shape, scale=1.0, positive=False):
    """Normal values with four decimals, which JSON and single precision keep; positive ones have exact zeros, as after a ReLU."""
    values = torch.randn(shape, generator=random, dtype=torch.float64) * scale
    values = values.clamp(min=-0.4) + 0.4 if positive else values
    return (values * 1e4).round() / 1e4


def network(sizes):
    return {
        "features": draw(N, sizes["features"], positive=True),
        "logits": draw(N, CLASSES, scale=2.0),
        **{f"maps.{name}": draw(N, *shape, positive=True) for name, shape in sizes["maps"].items()},
    }


INPUTS = {"student": network(STUDENT), "teacher": network(TEACHER)}
T = INPUTS["teacher"]
# Logits of every place, from a generator of their own: what came before keeps its numbers.
shared, random = random, torch.Generator().manual_seed(34)
for sizes, whose, side in [(STUDENT, "student", 4), (TEACHER, "teacher", 8)]:
    sizes["maps"]["class-map"] = (CLASSES, side, side)
    INPUTS[whose]["maps.class-map"] = draw(N, CLASSES, side, side, scale=3.0)
random = shared


def tensor(t):
    return {"shape": list(t.shape), "values": [float(x) for x in t.detach().flatten()]}


CASES = []


def case(name, criterion, loss, options=None, learned=None, state=None, after=None):
    """Evaluates `loss(student, learned)` and its gradients; `after()` gives what the criterion remembers then."""
    student = {key: value.clone().requires_grad_() for key, value in INPUTS["student"].items()}
    learned = {key: value.clone().requires_grad_() for key, value in (learned or {}).items()}
    value = loss(student, learned)
    value.backward()
    gradients = lambda leaves: {key: tensor(leaf.grad) for key, leaf in leaves.items() if leaf.grad is not None}
    CASES.append({
        "name": name,
        "criterion": criterion,
        "options": options or {},
        "learned": {key: tensor(leaf) for key, leaf in learned.items()},
        "state": {key: tensor(leaf) for key, leaf in (state or {}).items()},
        "value": float(value.detach()),
        "gradients": gradients(student),
        "learned_gradients": gradients(learned),
        "state_after": {key: tensor(leaf) for key, leaf in after().items()} if after else {},
    })


def io(key, student):
    """torchdistill's dictionaries of module inputs and outputs for one output of both networks."""
    return {key: {"output": student}}, {key: {"output": T[key]}}


def paths(key):
    return dict(student_module_path=key, student_module_io="output", teacher_module_path=key, teacher_module_io="output")


def same_size(s, t):
    size = (min(s.shape[2], t.shape[2]), min(s.shape[3], t.shape[3]))
    return F.adaptive_avg_pool2d(s, size), F.adaptive_avg_pool2d(t, size)


def stages(student, names=("layer1", "layer2")):
    return [(name, *same_size(student[f"maps.{name}"], T[f"maps.{name}"])) for name in names]


# Logits.

# Without labels torchdistill leaves T² to the caller.

def hinton(s, _, t=4.0):
    return t ** 2 * mid_level.KDLoss(**paths("logits"), temperature=t, alpha=0)(*io("logits", s["logits"]))


def hinton_std(s, _, t=2.0):
    return t ** 2 * mid_level.LogitStdKDLoss(**paths("logits"), temperature=t, alpha=0, eps=1e-7)(*io("logits", s["logits"]))


def dkd(s, _, alpha=1.0, beta=8.0, t=4.0):
    target = F.one_hot(torch.tensor(LABELS), CLASSES).bool()
    p, q = F.softmax(T["logits"] / t, 1), F.softmax(s["logits"] / t, 1)
    two = lambda x: torch.stack([x[target], 1 - x[target]], 1)
    tckd = F.kl_div(two(q).log(), two(p), reduction="batchmean")
    rest = lambda x: x[~target].reshape(N, CLASSES - 1) / t
    nckd = F.kl_div(F.log_softmax(rest(s["logits"]), 1), F.softmax(rest(T["logits"]), 1), reduction="batchmean")
    return t ** 2 * (alpha * tckd + beta * nckd)


def dist(tau, beta, gamma):
    return lambda s, _: mid_level.DISTLoss(**paths("logits"), tau=tau, beta=beta, gamma=gamma)(*io("logits", s["logits"]))


def sinkd(s, _, t=2.0, epsilon=0.1):
    cost = torch.cdist(F.softmax(s["logits"] / t, 1), F.softmax(T["logits"] / t, 1), p=1)
    plan = torch.exp(-cost / epsilon)
    for _ in range(20):
        plan = plan / plan.sum(1, keepdim=True)
        plan = plan / plan.sum(0, keepdim=True)
    return (plan * cost).sum()


case("hinton", "hinton", hinton)
case("hinton-std", "hinton-std", hinton_std)
case("dkd", "dkd", dkd)
case("dist", "dist", dist(1.0, 1.0, 1.0))
case("dist, CIFAR recipe", "dist", dist(4.0, 2.0, 1.5), {"temperature": 4, "beta": 2, "gamma": 1.5})
case("sinkd", "sinkd", sinkd)

# Features.

def rkd(distance, angle):
    loss = mid_level.RKDLoss("features", "features", distance, angle, "mean")
    return lambda s, _: loss(*io("features", s["features"]))


def pkt(s, _):
    return mid_level.PKTLoss(**paths("features"))(*io("features", s["features"]))


def embeddings(width):
    return {
        "student.weight": draw(width, STUDENT["features"], scale=0.5),
        "student.bias": draw(width, scale=0.2),
        "teacher.weight": draw(width, TEACHER["features"], scale=0.5),
        "teacher.bias": draw(width, scale=0.2),
    }


def embed(s, p):
    return F.linear(s["features"], p["student.weight"], p["student.bias"]), F.linear(T["features"], p["teacher.weight"], p["teacher.bias"])


def cc_code(s, p):
    e_s, e_t = embed(s, p)
    delta = (e_s - e_t).abs()
    return torch.stack([(delta[i] * delta[i + 1]).sum() for i in range(N - 1)]).mean()


def cc_paper(s, p):
    e_s, e_t = (F.normalize(e) for e in embed(s, p))
    kernel = {"type": "gaussian", "gamma": 0.4, "max_p": 2}
    loss = mid_level.CCKDLoss("e", "e", kernel, "batchmean")
    return (loss({"e": {"output": e_s}}, {"e": {"output": e_t}}) * N) ** 2


case("rkd", "rkd", rkd(25.0, 50.0))
case("rkd, distances", "rkd", rkd(2.0, 0.0), {"distance": 2, "angle": 0})
case("pkt", "pkt", pkt)
case("cc", "cc", cc_code, {"width": 3}, embeddings(3))
case("cc, paper", "cc", cc_paper, {"width": 3, "form": "paper"}, embeddings(3))


def crd():
    """torchdistill's memory with the negatives given; the same ones for every sample, as kd2m draws them."""
    width = 3
    memories = {"memory.student": draw(SAMPLES, width, scale=0.6), "memory.teacher": draw(SAMPLES, width, scale=0.6)}
    criterion = mid_level.CRDLoss("n", "e", "n", width, SAMPLES, len(NEGATIVES), SAMPLES, temperature=0.5, momentum=0.5).double()
    criterion.memory_v1, criterion.memory_v2 = memories["memory.student"].clone(), memories["memory.teacher"].clone()
    positives = torch.tensor(INDICES)
    contrast = torch.cat([positives[:, None], torch.tensor(NEGATIVES).expand(N, -1)], 1)

    def loss(s, p):
        e_s, e_t = (F.normalize(e) for e in embed(s, p))
        s_io = {"n": {"output": e_s}, "e": {"input": {"pos_idx": positives, "contrast_idx": contrast}}}
        return criterion(s_io, {"n": {"output": e_t}}).sum()

    def after():
        constants = criterion.params[2:4]
        return {"memory.student": criterion.memory_v1, "memory.teacher": criterion.memory_v2, "constants": constants}

    options = {"width": width, "negatives": len(NEGATIVES), "temperature": 0.5}
    state = {**memories, "constants": torch.zeros(2)}
    case("crd", "crd", loss, options, embeddings(width), state, after)


crd()

# Maps.

def at(s, _):
    pairs, s_io, t_io = {}, {}, {}
    for name, f_s, f_t in stages(s):
        s_io[name], t_io[name] = {"output": f_s}, {"output": f_t}
        pairs[name] = {"student": {"io": "output", "path": name}, "teacher": {"io": "output", "path": name}}
    return mid_level.ATLoss(pairs, mode="code")(s_io, t_io)


def sp(s, _):
    rows = lambda f: F.normalize(f.flatten(1) @ f.flatten(1).T, p=2, dim=1)
    return (rows(s["maps.layer2"]) - rows(T["maps.layer2"])).norm() ** 2 / N ** 2


def nst(s, _):
    total = 0.0
    for _, f_s, f_t in stages(s):
        f_s, f_t = F.normalize(f_s.flatten(2), dim=2), F.normalize(f_t.flatten(2), dim=2)
        kernel = lambda a, b: (a[:, :, None] * b[:, None]).sum(-1).pow(2).mean()
        total = total + kernel(f_t, f_t) + kernel(f_s, f_s) - 2 * kernel(f_s, f_t)
    return total


def regressor(name):
    c_s, c_t = STUDENT["maps"][name][0], TEACHER["maps"][name][0]
    return {
        f"{name}.weight": draw(c_t, c_s, scale=0.6),
        f"{name}.scale": draw(c_t, 1, scale=0.3) + 1.0,
        f"{name}.shift": draw(c_t, 1, scale=0.3) + 0.3,
    }


def regress(name, f, p, rectified):
    y = F.conv2d(f, p[f"{name}.weight"][:, :, None, None])
    y = F.batch_norm(y, None, None, p[f"{name}.scale"].flatten(), p[f"{name}.shift"].flatten(), training=True, eps=1e-5)
    return F.relu(y) if rectified else y


def fitnet(names):
    return lambda s, p: sum(F.mse_loss(regress(name, f_s, p, True), f_t) for name, f_s, f_t in stages(s, names))


def ickd(s, p):
    f_s = regress("layer2", s["maps.layer2"], p, False)
    return mid_level.ChSimLoss.batch_loss(f_s, T["maps.layer2"]) * N


def wkd_f(name, ratio, grid):
    def loss(s, p):
        _, f_s, f_t = stages(s, [name])[0]
        f_s = regress(name, f_s, p, True)
        h, w = f_t.shape[2] // grid, f_t.shape[3] // grid
        total = 0.0
        for i in range(grid):
            for j in range(grid):
                cell = lambda f: f[:, :, i * h:(i + 1) * h, j * w:(j + 1) * w].flatten(2)
                mean, deviation = lambda f: cell(f).mean(2), lambda f: (cell(f).var(2) + 1e-5).sqrt()
                total = total + ratio * (mean(f_s) - mean(f_t)).pow(2).sum() + (deviation(f_s) - deviation(f_t)).pow(2).sum()
        return total / (N * grid ** 2)

    return loss


def vid_parameters(name):
    c_s, c_t = STUDENT["maps"][name][0], TEACHER["maps"][name][0]
    return {
        f"{name}.1.weight": draw(c_t, c_s, scale=0.6),
        f"{name}.2.weight": draw(c_t, c_t, scale=0.6),
        f"{name}.3.weight": draw(c_t, c_t, scale=0.6),
        f"{name}.variance": draw(c_t, 1) + math.log(math.exp(5.0 - 1e-5) - 1.0),
    }


def vid(s, p):
    pairs, s_io, t_io = {}, {}, {}
    for name, f_s, f_t in stages(s):
        mean = f_s
        for layer in (1, 2, 3):
            mean = F.conv2d(mean, p[f"{name}.{layer}.weight"][:, :, None, None])
            mean = F.relu(mean) if layer < 3 else mean
        variance = (torch.log(1 + torch.exp(p[f"{name}.variance"])) + 1e-5).view(1, -1, 1, 1)
        s_io[name], t_io[name] = {"output": (mean, variance)}, {"output": f_t}
        pairs[name] = {"student": {"io": "output", "path": name}, "teacher": {"io": "output", "path": name}}
    return mid_level.VIDLoss(pairs)(s_io, t_io)


case("at", "at", at)
case("sp", "sp", sp)
case("nst", "nst", nst)
case("fitnet", "fitnet", fitnet(["layer2"]), learned=regressor("layer2"))
both = {**regressor("layer1"), **regressor("layer2")}
case("fitnet, two stages", "fitnet", fitnet(["layer1", "layer2"]), {"stages": "layer1,layer2"}, both)
case("ickd", "ickd", ickd, learned=regressor("layer2"))
case("wkd-f", "wkd-f", wkd_f("layer2", 4.0, 1), learned=regressor("layer2"))
case("wkd-f, grid", "wkd-f", wkd_f("layer1", 3.0, 2), {"stages": "layer1", "grid": 2, "ratio": 3}, regressor("layer1"))
case("vid", "vid", vid, learned={**vid_parameters("layer1"), **vid_parameters("layer2")})

# WKD-L: the cost from channel-by-channel kernels, and the plan of each sample in the published form, on a matrix of its own.

def class_cost():
    """1 − exp(−(1 − CKA)); CKA between the channel × channel kernels of each class's teacher features, by its definition with H."""
    width = TEACHER["features"]
    centre = torch.eye(width, dtype=torch.float64) - 1.0 / width
    kernels = []
    for c in range(CLASSES):
        x = T["features"][[i for i, label in enumerate(LABELS) if label == c]]
        kernels.append(centre @ (x.T @ x) @ centre)
    hsic = lambda a, b: torch.trace(a @ b)
    cka = torch.tensor([[hsic(a, b) / (hsic(a, a) * hsic(b, b)).sqrt() for b in kernels] for a in kernels], dtype=torch.float64)
    return 1 - torch.exp(-(1 - cka))


def wkd_l(s, _, t=8.0, gamma=600.0, epsilon=0.05):
    full = class_cost()
    transported = []
    for i, label in enumerate(LABELS):
        keep = [c for c in range(CLASSES) if c != label]
        p, q = F.softmax(s["logits"][i, keep] / t, 0), F.softmax(T["logits"][i, keep] / t, 0)
        cost = F.relu(full[keep][:, keep]) + 1e-8
        kernel = torch.exp(-cost / epsilon)
        u = torch.full_like(p, 1 / len(keep))
        for _ in range(10):
            v = q / (kernel.T @ u + 1e-8)
            u = p / (kernel @ v + 1e-8)
        transported.append((u[:, None] * kernel * v[None] * cost).sum())
    rows = torch.arange(N)
    target = -(F.softmax(T["logits"], 1)[rows, LABELS] * F.log_softmax(s["logits"], 1)[rows, LABELS]).mean()
    return target + gamma * torch.stack(transported).mean()


case("wkd-l", "wkd-l", wkd_l)

# Leaders of 2023 to 2026, from their formulas.

def skd(t=4.0, ridge=0.1, relation=1.0):
    def loss(s, _):
        kl = F.kl_div(F.log_softmax(s["logits"] / t, 1), F.softmax(T["logits"] / t, 1), reduction="batchmean") * t ** 2
        gram = lambda x: F.normalize(x) @ F.normalize(x).T
        d = gram(s["logits"]) - gram(T["logits"])
        precision = torch.linalg.inv(torch.cov(d.detach().T) + ridge * torch.eye(N, dtype=torch.float64))
        return kl + relation * torch.stack([torch.sqrt(row @ precision @ row) for row in d]).mean()

    return loss


def mlkd(temperatures=(2.0, 3.0, 4.0, 5.0, 6.0), standardised=True):
    def loss(s, _):
        z = lambda x: (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-7) if standardised else x
        total = 0.0
        for t in temperatures:
            p, q = F.softmax(z(T["logits"]) / t, 1), F.softmax(z(s["logits"]) / t, 1)
            total = total + t ** 2 * F.kl_div(q.log(), p, reduction="batchmean")
            total = total + (p @ p.T - q @ q.T).pow(2).sum() / N + (p.T @ p - q.T @ q).pow(2).sum() / CLASSES
        return total

    return loss


def projector():
    return {
        "projector.weight": draw(TEACHER["features"], STUDENT["features"], scale=0.5),
        "projector.bias": draw(TEACHER["features"], scale=0.2),
    }


def project(s, p):
    return F.linear(s["features"], p["projector.weight"], p["projector.bias"])


def cosine(s, p):
    return (1 - F.cosine_similarity(project(s, p), T["features"])).mean()


def queue(size, t):
    kept = F.normalize(draw(6, TEACHER["features"]))
    kept = (kept * 1e4).round() / 1e4
    rows = torch.cat([kept, F.normalize(T["features"])])[-size:]

    def loss(s, p):
        target = F.softmax(F.normalize(T["features"]) @ rows.T / t, 1)
        return F.cross_entropy(F.normalize(project(s, p)) @ rows.T / t, target)

    case("queue", "queue", loss, {"size": size, "temperature": t}, projector(), {"queue": kept}, lambda: {"queue": rows})


def fusion(name, inputs, middle, outputs, fuses):
    tensors = {
        f"{name}.squeeze.weight": draw(middle, inputs, 1, 1, scale=0.6),
        f"{name}.squeeze.scale": draw(middle, scale=0.3) + 1.0,
        f"{name}.squeeze.shift": draw(middle, scale=0.3),
        f"{name}.spread.weight": draw(outputs, middle, 3, 3, scale=0.3),
        f"{name}.spread.scale": draw(outputs, scale=0.3) + 1.0,
        f"{name}.spread.shift": draw(outputs, scale=0.3) + 0.3,
    }
    if fuses:
        tensors |= {f"{name}.attention.weight": draw(2, 2 * middle, 1, 1, scale=0.5), f"{name}.attention.bias": draw(2, scale=0.2)}
    return tensors


def review_parameters():
    middle = STUDENT["features"]
    maps = [(name, STUDENT["maps"][name][0], TEACHER["maps"][name][0], True) for name in ("layer1", "layer2")]
    rows = [*maps, ("features", STUDENT["features"], TEACHER["features"], False)]
    return {key: t for name, c_s, c_t, fuses in rows for key, t in fusion(name, c_s, middle, c_t, fuses).items()}


def review(s, p):
    """ReviewKD's ABF and HCL, the features as the deepest map."""
    def convolve(x, key):
        y = F.conv2d(x, p[f"{key}.weight"], padding=p[f"{key}.weight"].shape[2] // 2)
        return F.batch_norm(y, None, None, p[f"{key}.scale"], p[f"{key}.shift"], training=True, eps=1e-5)

    def hcl(a, b):
        loss, weight, total = F.mse_loss(a, b), 1.0, 1.0
        for side in (4, 2, 1):
            if side >= a.shape[2]:
                continue
            weight /= 2
            total += weight
            loss = loss + F.mse_loss(F.adaptive_avg_pool2d(a, side), F.adaptive_avg_pool2d(b, side)) * weight
        return loss / total

    loss, deeper = 0.0, None
    for name in ("features", "layer2", "layer1"):
        of = lambda side: side["features"][:, :, None, None] if name == "features" else side[f"maps.{name}"]
        x, teacher = convolve(of(s), f"{name}.squeeze"), of(T)
        if deeper is not None:
            deeper = F.interpolate(deeper, x.shape[-2:], mode="nearest")
            z = F.conv2d(torch.cat([x, deeper], 1), p[f"{name}.attention.weight"], p[f"{name}.attention.bias"]).sigmoid()
            x = x * z[:, :1] + deeper * z[:, 1:]
        deeper = F.interpolate(x, teacher.shape[-2:], mode="nearest")
        loss = loss + hcl(convolve(deeper, f"{name}.spread"), teacher)
    return loss


def each(name, t, a=1.0, b=8.0, gamma=1.5):
    """The loss of each sample, of logits and labels: KL, DKD's two parts, NKD's two parts."""

    def kl(x, y, _):
        return F.kl_div(F.log_softmax(x / t, 1), F.softmax(y / t, 1), reduction="none").sum(1) * t ** 2

    def parts(x, target):
        return x[target], x[~target].reshape(len(x), -1)

    def of_dkd(x, y, target):
        (q, _), (p, _) = (parts(F.softmax(z / t, 1), target) for z in (x, y))
        two = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
        rest = F.kl_div(F.log_softmax(parts(x / t, target)[1], 1), F.softmax(parts(y / t, target)[1], 1), reduction="none").sum(1)
        return (a * two + b * rest) * t ** 2

    def of_nkd(x, y, target):
        sure = F.softmax(y, 1)[target] * F.log_softmax(x, 1)[target]
        rest = F.softmax(parts(y / t, target)[1], 1) * F.log_softmax(parts(x / t, target)[1], 1)
        return -sure - gamma * t ** 2 * rest.sum(1)

    return {"hinton": kl, "dkd": of_dkd, "nkd": of_nkd}[name]


def nkd(t=1.0, gamma=1.5):
    target = F.one_hot(torch.tensor(LABELS), CLASSES).bool()
    return lambda s, _: each("nkd", t, gamma=gamma)(s["logits"], T["logits"], target).mean()


def sdd(loss, scales=(1, 2, 4), complementary=2.0):
    """Cell by cell, as the authors' masks have it: global right and local wrong, global wrong and local right count more."""
    labels = torch.tensor(LABELS)
    target = F.one_hot(labels, CLASSES).bool()

    def of(s, _):
        whole = T["maps.class-map"].mean((2, 3)).argmax(1) == labels
        total, cells = 0.0, 0
        for k in scales:
            x, y = (F.adaptive_avg_pool2d(outputs["maps.class-map"], k) for outputs in (s, T))
            for row in range(k):
                for column in range(k):
                    right = y[:, :, row, column].argmax(1) == labels
                    weight = torch.ones(N, dtype=torch.float64)
                    weight[whole & ~right] = complementary
                    weight[~whole & right] = complementary
                    total = total + (weight * loss(x[:, :, row, column], y[:, :, row, column], target)).sum()
                    cells += 1
        return total / (cells * N)

    return of


case("review", "review", review, learned=review_parameters())
case("skd", "skd", skd())
case("skd, another ridge", "skd", skd(2.0, 0.5, 3.0), {"temperature": 2, "ridge": 0.5, "relation": 3})
case("mlkd", "mlkd", mlkd())
case("mlkd, plain", "mlkd", mlkd((1.0, 4.0), False), {"temperatures": "1,4", "standardise": False})
case("cosine", "cosine", cosine, learned=projector())
queue(8, 0.2)
case("nkd", "nkd", nkd())
case("nkd, softened", "nkd", nkd(2.0, 3.0), {"temperature": 2, "gamma": 3})
case("sdd", "sdd", sdd(each("hinton", 4.0)))
case("sdd of dkd, other scales", "sdd", sdd(each("dkd", 3.0, 1.5, 2.0), (1, 3), 4.0),
     {"loss": "dkd", "scales": "1,3", "complementary": 4, "temperature": 3, "alpha": 1.5, "beta": 2})
case("sdd of nkd", "sdd", sdd(each("nkd", 1.0), (2,)), {"loss": "nkd", "scales": "2"})


def sizes(n):
    return {"features": n["features"], "maps": {name: list(shape) for name, shape in n["maps"].items()}}


def compact(x):
    """One case a line: long enough to be small, short enough to be compared."""
    return json.dumps(x, separators=(",", ":"))


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return [rounded(v) for v in x] if isinstance(x, list) else x


head = {
    "shapes": {"classes": CLASSES, "samples": SAMPLES, "student": sizes(STUDENT), "teacher": sizes(TEACHER)},
    "labels": LABELS,
    "indices": INDICES,
    "seed": 7,
    "step": 3,
    "negatives": NEGATIVES,
    "student": {key: tensor(t) for key, t in INPUTS["student"].items()},
    "teacher": {key: tensor(t) for key, t in INPUTS["teacher"].items()},
}
parts = [f'"{key}":{compact(rounded(value))}' for key, value in head.items()]
cases = ",\n".join(compact(rounded(c)) for c in CASES)
sys.stdout.write("{" + ",\n".join(parts) + f',\n"cases":[\n{cases}\n]}}\n')
