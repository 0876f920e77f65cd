//! Counts which kernels the dispatch table picks: a slow kernel for a layer of a ResNet fails here, without a clock.

use std::collections::BTreeMap;

use kd2m_cpu::{Network, Options, isa::Isa};
use kd2m_nn::{Graph, init::initialise, zoo};

fn resnet(model: &str, stem: zoo::Stem) -> Graph {
    zoo::build(model, &zoo::ZooOptions::new(10, 3, 32, 32).stem(stem)).unwrap()
}

fn picks(graph: &Graph, isa: Isa, trainable: bool, n: usize) -> BTreeMap<&'static str, usize> {
    let options = Options { threads: 1, trainable, isa: Some(isa), ..Options::default() };
    let network = Network::new(graph, &initialise(graph, 1), options).unwrap();
    let mut counts = BTreeMap::new();
    for choice in network.kernels(n) {
        *counts.entry(choice.kernel).or_default() += 1;
        // With a register tile nothing is left to the crate, and no 3×3 of stride 1 on a large map is computed directly.
        let vector = isa != Isa::Portable;
        assert!(!(vector && choice.kernel == "gemm"), "{isa}: {choice:?}");
        let large = choice.shape.starts_with("3×3 ") && !choice.shape.contains('/') && n >= 64;
        let map: usize = choice.shape.rsplit('×').next().unwrap().parse().unwrap();
        assert_eq!(
            choice.kernel == "winograd 4×4",
            large && map >= 4 && !choice.shape.contains(" 3×32×32"),
            "{isa}: {choice:?}"
        );
    }
    counts
}

#[test]
fn resnets_get_the_fast_kernels() {
    for isa in Isa::available() {
        let rest = if isa == Isa::Portable { "gemm" } else { "direct" };
        let expect = |counts: BTreeMap<&str, usize>, winograd: usize, others: usize, what: &str| {
            assert_eq!(counts, BTreeMap::from([("winograd 4×4", winograd), (rest, others)]), "{isa} {what}");
        };
        // 8×8 and 4×4 maps in the first two stages; 2×2 and 1×1 after.
        let (student, teacher) = (resnet("resnet18", zoo::Stem::Imagenet), resnet("resnet34", zoo::Stem::Imagenet));
        expect(picks(&student, isa, true, 128), 7, 14, "student");
        expect(picks(&teacher, isa, false, 128), 13, 24, "teacher");
        // 32×32 down to 4×4: all but the strides, the first layer and the classifier.
        let (student, teacher) = (resnet("resnet18", zoo::Stem::Cifar), resnet("resnet34", zoo::Stem::Cifar));
        expect(picks(&student, isa, true, 64), 13, 8, "CIFAR student");
        expect(picks(&teacher, isa, false, 64), 29, 8, "CIFAR teacher");
    }
}
