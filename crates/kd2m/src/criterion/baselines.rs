//! The field's methods by name, with the weights and options of their authors' CIFAR-100 recipes: RepDistiller's where
//! it has the method. Adding one = its file and one entry here.

use kd2m_ot::{Options, OtError, options::OptionSpec};

use super::{
    Criterion, CriterionError,
    at::At,
    cc::{Cc, Form},
    crd::{Crd, CrdOptions},
    dist::Dist,
    dkd::Dkd,
    fitnet::FitNet,
    hinton::Hinton,
    ickd::Ickd,
    nst::Nst,
    pkt::Pkt,
    rkd::Rkd,
    sinkd::SinKd,
    sp::Sp,
    stages::Choice,
    vid::Vid,
    wkd_f::WkdF,
    wkd_l::WkdL,
};

/// One criterion that is not a divergence of `kd2m-ot`.
pub struct Baseline {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub formula: &'static str,
    pub source: &'static str,
    pub cost: &'static str,
    pub when: &'static str,
    /// The weight of its authors, used when none is given.
    pub weight: f64,
    pub options: &'static [OptionSpec],
    pub build: fn(&Options) -> Result<Box<dyn Criterion>, CriterionError>,
}

pub(super) const fn option(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec { name, default, help }
}

const fn temperature(default: &'static str) -> OptionSpec {
    option("temperature", default, "softens both distributions; above 0")
}

/// A weight inside a criterion: it may be 0, which leaves its part out.
pub(super) fn part(options: &Options, name: &str, default: f64) -> Result<f64, OtError> {
    options.parsed(name, default, "a number from 0 to 1e9", |x: &f64| (0.0..=1e9).contains(x))
}

/// A number above zero whose square single precision, which criteria compute in, keeps with all its digits.
pub(super) fn above_zero(options: &Options, name: &str, default: f64) -> Result<f64, OtError> {
    options.parsed(name, default, "a number from 1e-6 to 1e6", |x: &f64| (1e-6..=1e6).contains(x))
}

/// The baselines, in the order in which tables show them.
pub const BASELINES: &[Baseline] = &[
    Baseline {
        name: "hinton",
        aliases: &["kd"],
        formula: "T² · KL(softmax(t/T) ‖ softmax(s/T)), mean over samples",
        source: "Hinton, Vinyals, Dean 2015",
        cost: "O(n·classes)",
        when: "the reference point of every comparison; logits only",
        weight: 0.9,
        options: &[
            temperature("4"),
            option("reverse", "false", "true: KL(student ‖ teacher), as KD²M's reference code has it by mistake"),
        ],
        build: |o| {
            let (temperature, reverse) = (above_zero(o, "temperature", 4.0)?, o.flag("reverse")?);
            Ok(Box::new(Hinton { temperature, standardise: false, reverse }))
        },
    },
    Baseline {
        name: "hinton-std",
        aliases: &["kd-std"],
        formula: "hinton on logits with zero mean and unit deviation per sample",
        source: "Sun et al. 2024, Logit standardization",
        cost: "O(n·classes)",
        when: "teacher and student logits of very different scale",
        weight: 9.0,
        options: &[temperature("2")],
        build: |o| {
            Ok(Box::new(Hinton { temperature: above_zero(o, "temperature", 2.0)?, standardise: true, reverse: false }))
        },
    },
    Baseline {
        name: "dkd",
        aliases: &["decoupled"],
        formula: "T² · (α·KL(target or not) + β·KL(the other classes)), mean over samples",
        source: "Zhao et al. 2022, Decoupled KD",
        cost: "O(n·classes)",
        when: "a teacher so sure of its training samples that hinton hardly sees the other classes",
        weight: 1.0,
        options: &[
            option("alpha", "1", "weight of the target's part; at least 0"),
            option("beta", "8", "weight of the other classes; tuned by pair, at least 0"),
            temperature("4"),
        ],
        build: |o| {
            Ok(Box::new(Dkd {
                alpha: part(o, "alpha", 1.0)?,
                beta: part(o, "beta", 8.0)?,
                temperature: above_zero(o, "temperature", 4.0)?,
            }))
        },
    },
    Baseline {
        name: "dist",
        aliases: &[],
        formula: "T² · (β·(1 − mean Pearson of rows) + γ·(1 − mean Pearson of columns)) of softmax(·/T)",
        source: "Huang et al. 2022, DIST",
        cost: "O(n·classes)",
        when: "a teacher much stronger than the student: its order of classes counts, not its probabilities",
        weight: 1.0,
        options: &[
            option("beta", "1", "weight of the relation between classes; 2 with temperature 4 is the CIFAR recipe"),
            option("gamma", "1", "weight of the relation between samples"),
            temperature("1"),
        ],
        build: |o| {
            Ok(Box::new(Dist {
                beta: part(o, "beta", 1.0)?,
                gamma: part(o, "gamma", 1.0)?,
                temperature: above_zero(o, "temperature", 1.0)?,
            }))
        },
    },
    Baseline {
        name: "fitnet",
        aliases: &["hint"],
        formula: "mean (r(F_S) − F_T)², r a learned 1×1 convolution, batch norm, ReLU",
        source: "Romero et al. 2015, FitNets",
        cost: "O(n·h·w·c_S·c_T)",
        when: "the reference point among criteria on maps",
        weight: 100.0,
        options: &[Choice::Second.option()],
        build: |o| Ok(Box::new(FitNet::new(o)?)),
    },
    Baseline {
        name: "at",
        aliases: &["attention"],
        formula: "Σ over stages of mean (Q_S − Q_T)², Q = unit vector of the mean over channels of F²",
        source: "Zagoruyko, Komodakis 2017",
        cost: "O(n·c·h·w)",
        when: "maps that differ in channels, nothing learned beside the student",
        weight: 1000.0,
        options: &[Choice::All.option()],
        build: |o| Ok(Box::new(At::new(o)?)),
    },
    Baseline {
        name: "sp",
        aliases: &["similarity"],
        formula: "‖rows(G_S) − rows(G_T)‖²_F / n², G = F Fᵀ over the batch, rows of length 1",
        source: "Tung, Mori 2019, Similarity-preserving KD",
        cost: "O(n²·c·h·w)",
        when: "maps that differ in every size: only which samples look alike is compared",
        weight: 3000.0,
        options: &[Choice::Last.option()],
        build: |o| Ok(Box::new(Sp::new(o)?)),
    },
    Baseline {
        name: "cc",
        aliases: &["correlation"],
        formula: "code: mean_i Σ_d δ_i δ_{i+1}, δ = |e_S − e_T|; paper: ‖K_S − K_T‖²_F / n², K a Gaussian kernel's series",
        source: "Peng et al. 2019, Correlation congruence",
        cost: "O(n·d·width)",
        when: "comparing with published tables, which use the code's form",
        weight: 0.02,
        options: &[
            option("form", "code", "code | paper: two losses that share little but the name"),
            option("width", "128", "width of the learned embeddings of both features"),
        ],
        build: |o| {
            let form = if o.choice("form", &["code", "paper"])? == "code" { Form::Code } else { Form::Paper };
            Ok(Box::new(Cc::new(form, o.count("width", 128)?)))
        },
    },
    Baseline {
        name: "rkd",
        aliases: &["relational"],
        formula: "25 · huber(d_S / mean, d_T / mean) + 50 · huber(cos of all triplets' angles)",
        source: "Park et al. 2019, Relational KD",
        cost: "O(n²·d + n³)",
        when: "only the shape of the batch in feature space should be alike; widths may differ",
        weight: 1.0,
        options: &[
            option("distance", "25", "weight of the distances; at least 0"),
            option("angle", "50", "weight of the angles; 0 leaves out the n³ part"),
        ],
        build: |o| Ok(Box::new(Rkd { distance: part(o, "distance", 25.0)?, angle: part(o, "angle", 50.0)? })),
    },
    Baseline {
        name: "pkt",
        aliases: &["probabilistic"],
        formula: "mean q_T log((q_T + e) / (q_S + e)), q = rows of (cos + 1)/2 that sum to 1, e = 1e-7",
        source: "Passalis, Tefas 2018",
        cost: "O(n²·d)",
        when: "which samples lie close matters more than where; widths may differ",
        weight: 30_000.0,
        options: &[],
        build: |_| Ok(Box::new(Pkt)),
    },
    Baseline {
        name: "nst",
        aliases: &["neuron-selectivity"],
        formula: "Σ over stages of the squared MMD of a sample's channels as unit vectors, kernel (a·b)²",
        source: "Huang, Wang 2017, NST",
        cost: "O(n·(c_S + c_T)·h·w·min(c_S + c_T, h·w))",
        when: "channels that differ in number, nothing learned beside the student",
        weight: 50.0,
        options: &[Choice::All.option()],
        build: |o| Ok(Box::new(Nst::new(o)?)),
    },
    Baseline {
        name: "vid",
        aliases: &["variational"],
        formula: "Σ over stages of ½ mean((μ(F_S) − F_T)² / σ_c² + log σ_c²), μ and σ_c learned",
        source: "Ahn et al. 2019, Variational information distillation",
        cost: "O(n·h·w·(c_S + 2·c_T)·c_T)",
        when: "teacher channels that differ in how well they can be predicted",
        weight: 1.0,
        options: &[Choice::All.option()],
        build: |o| Ok(Box::new(Vid::new(o)?)),
    },
    Baseline {
        name: "crd",
        aliases: &["contrastive"],
        formula: "noise contrastive estimation both ways of unit embeddings against memories by sample",
        source: "Tian, Krishnan, Isola 2020",
        cost: "O(n·negatives·width), memory 2·samples·width",
        when: "long training on many samples; widths may differ",
        weight: 0.8,
        options: &[
            option("width", "128", "width of the learned embeddings"),
            option("negatives", "16384", "drawn a step, with replacement, shared by the batch"),
            temperature("0.07"),
            option("momentum", "0.5", "how much of an old entry a memory keeps; 0 or more, below 1"),
        ],
        build: |o| {
            Ok(Box::new(Crd::new(CrdOptions {
                width: o.count("width", 128)?,
                negatives: o.count("negatives", 16_384)?,
                temperature: above_zero(o, "temperature", 0.07)?,
                momentum: o.parsed("momentum", 0.5, "a number from 0 to below 1", |m| (0.0..1.0).contains(m))?,
            })))
        },
    },
    Baseline {
        name: "ickd",
        aliases: &["inter-channel"],
        formula: "‖rows(G_S) − rows(G_T)‖²_F / c, mean over samples, G = F Fᵀ over channels, r(F_S) learned",
        source: "Liu et al. 2021, Inter-channel correlation (ICKD-C)",
        cost: "O(n·h·w·c_T·(c_S + min(c_T, h·w)))",
        when: "the diversity of the teacher's channels matters; maps may differ in size",
        weight: 2.5,
        options: &[Choice::Last.option()],
        build: |o| Ok(Box::new(Ickd::new(o)?)),
    },
    Baseline {
        name: "wkd-l",
        aliases: &[],
        formula: "−mean p_T(y) log p_S(y) + γ · mean ⟨P, C⟩ over the other classes, C_ij = 1 − exp(−κ(1 − CKA_ij))",
        source: "Lv et al. 2024, WKD",
        cost: "O(iterations·n·classes²)",
        when: "classes that resemble each other: a mistake towards a similar class costs less",
        weight: 1.0,
        options: &[
            temperature("8"),
            option("gamma", "600", "weight of the transport part; 200 with temperature 6, 30 with 2 on ImageNet"),
            option("epsilon", "0.05", "entropic regularisation; above 0"),
            option("iterations", "10", "Sinkhorn rounds"),
            option("sharpness", "1", "κ of the cost; above 0"),
            option("images", "32", "teacher features a class from which the cost is measured"),
        ],
        build: |o| Ok(Box::new(WkdL::new(o)?)),
    },
    Baseline {
        name: "wkd-f",
        aliases: &[],
        formula: "r·‖μ_S − μ_T‖² + ‖σ_S − σ_T‖² of diagonal Gaussians over a map's positions, r(F_S) learned",
        source: "Lv et al. 2024, WKD",
        cost: "O(n·h·w·c_S·c_T)",
        when: "a map's statistics should carry over, its layout not",
        weight: 0.08,
        options: &[
            Choice::Last.option(),
            option("ratio", "4", "weight of means against deviations; above 0"),
            option("grid", "1", "a Gaussian for each cell of grid × grid"),
        ],
        build: |o| Ok(Box::new(WkdF::new(o)?)),
    },
    Baseline {
        name: "sinkd",
        aliases: &[],
        formula: "Σ P ∘ W, W_ij = ‖softmax(s_i/T) − softmax(t_j/T)‖₁, P from exp(−W/ε) with rows and columns of sum 1",
        source: "Cui et al. 2024, SinKD",
        cost: "O(n²·(classes + iterations))",
        when: "what a plan over the batch adds to hinton's sample-by-sample loss",
        weight: 0.001,
        options: &[
            temperature("2"),
            option("epsilon", "0.1", "entropic regularisation; above 0"),
            option("iterations", "20", "Sinkhorn rounds"),
        ],
        build: |o| {
            Ok(Box::new(SinKd {
                temperature: above_zero(o, "temperature", 2.0)?,
                epsilon: above_zero(o, "epsilon", 0.1)?,
                iterations: o.count("iterations", 20)?,
            }))
        },
    },
];
