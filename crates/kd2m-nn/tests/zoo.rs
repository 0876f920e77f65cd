//! The zoo against figures from elsewhere.

use kd2m_nn::zoo::{self, MODELS, Stem, ZooOptions};

/// Trained parameters for 3×32×32 images and 100 classes: `python scripts/zoo_reference.py counts`, which builds every
/// network in PyTorch. Those of the CIFAR families are the counts that RepDistiller's networks have.
const PARAMETERS: &[(&str, usize)] = &[
    ("digits-cnn-teacher", 72_260),
    ("digits-cnn-student", 7_273),
    ("digits-cnn-middle", 11_996),
    ("mlp-5", 1_783_524),
    ("mlp-3", 1_750_500),
    ("resnet18", 11_227_812),
    ("resnet34", 21_335_972),
    ("resnet50", 23_712_932),
    ("resnet101", 42_705_060),
    ("resnet152", 58_348_708),
    ("wide_resnet50_2", 67_039_140),
    ("resnet8", 83_892),
    ("resnet14", 181_108),
    ("resnet20", 278_324),
    ("resnet32", 472_756),
    ("resnet44", 667_188),
    ("resnet56", 861_620),
    ("resnet110", 1_736_564),
    ("resnet20_a", 275_572),
    ("resnet32_a", 470_004),
    ("resnet44_a", 664_436),
    ("resnet56_a", 858_868),
    ("resnet110_a", 1_733_812),
    ("resnet8x4", 1_233_540),
    ("resnet32x4", 7_433_860),
    ("wrn_16_1", 180_916),
    ("wrn_16_2", 703_284),
    ("wrn_40_1", 569_780),
    ("wrn_40_2", 2_255_156),
    ("vgg8", 3_965_028),
    ("vgg11", 9_277_284),
    ("vgg13", 9_462_180),
    ("vgg16", 14_774_436),
    ("vgg19", 20_086_692),
    ("MobileNetV2", 812_836),
    ("ShuffleV1", 949_258),
    ("ShuffleV2", 1_355_528),
    ("mobilenet_v2", 2_351_972),
    ("mobilenet_v3_small", 1_620_356),
    ("mobilenet_v3_large", 4_330_132),
    ("efficientnet_b0", 4_135_648),
    ("mnasnet1_0", 3_230_412),
    ("shufflenet_v2_x1_0", 1_356_104),
    ("squeezenet1_1", 773_796),
    ("regnet_y_400mf", 3_947_244),
    ("regnet_y_800mf", 5_726_012),
    ("densenet121", 7_056_356),
    ("convnext_tiny", 27_897_028),
    ("convnext_atto", 3_406_620),
    ("vit_b_16", 85_728_100),
    ("deit_tiny_patch16_224", 5_506_852),
    ("deit_small_patch16_224", 21_630_436),
    ("vit_tiny_cifar", 5_380_132),
    ("efficientnet_lite0", 3_499_108),
    ("tf_efficientnet_lite0", 3_499_108),
];

#[test]
fn parameter_counts_are_pytorch_s() {
    assert_eq!(PARAMETERS.len(), MODELS.len());
    for &(name, expected) in PARAMETERS {
        let graph = zoo::build(name, &ZooOptions::new(100, 3, 32, 32)).unwrap();
        assert_eq!(graph.parameter_count(), expected, "{name}");
    }
}

/// Thousand million multiply–adds of one 224×224 image and parameters for 1,000 classes as torchvision states them beside its weights
/// (`_ops`, `num_params`).
#[test]
fn multiply_adds_and_parameters_are_torchvision_s() {
    for (name, expected, parameters) in [
        ("resnet18", 1.814, 11_689_512),
        ("resnet34", 3.664, 21_797_672),
        ("resnet50", 4.089, 25_557_032),
        ("resnet101", 7.801, 44_549_160),
        ("mobilenet_v2", 0.301, 3_504_872),
        ("mobilenet_v3_small", 0.057, 2_542_856),
        ("mobilenet_v3_large", 0.217, 5_483_032),
        ("efficientnet_b0", 0.386, 5_288_548),
        ("resnet152", 11.514, 60_192_808),
        ("wide_resnet50_2", 11.398, 68_883_240),
        ("squeezenet1_1", 0.349, 1_235_496),
        ("mnasnet1_0", 0.314, 4_383_312),
        ("shufflenet_v2_x1_0", 0.145, 2_278_604),
        ("regnet_y_400mf", 0.402, 4_344_144),
        ("regnet_y_800mf", 0.834, 6_432_512),
        ("densenet121", 2.834, 7_978_856),
        ("convnext_tiny", 4.456, 28_589_128),
        ("vit_b_16", 17.564, 86_567_656),
    ] {
        let graph = zoo::build(name, &ZooOptions::new(1000, 3, 224, 224)).unwrap();
        let found = graph.multiply_adds() as f64 / 1e9;
        assert!((found - expected).abs() < 0.0005, "{name}: {found}");
        assert_eq!(graph.parameter_count(), parameters, "{name}");
    }
}

/// timm's, as it builds them for 1,000 classes.
#[test]
fn parameters_are_timm_s() {
    for (name, parameters) in
        [("convnext_atto", 3_695_520), ("deit_tiny_patch16_224", 5_717_416), ("deit_small_patch16_224", 22_050_664)]
    {
        let graph = zoo::build(name, &ZooOptions::new(1000, 3, 224, 224)).unwrap();
        assert_eq!(graph.parameter_count(), parameters, "{name}");
    }
}

#[test]
fn transformers_read_whole_patches() {
    let error = zoo::build("vit_b_16", &ZooOptions::new(10, 3, 32, 40)).unwrap_err().to_string();
    let expected = "vit_b_16 cannot be built for 3×32×40 images: conv_proj: 32×40 are not whole patches of 16×16";
    assert_eq!(error, expected);
}

#[test]
fn both_stems_have_the_same_keys() {
    let keys = |stem| {
        let graph = zoo::build("resnet50", &ZooOptions::new(10, 3, 32, 32).stem(stem)).unwrap();
        graph.parameters().into_iter().map(|p| p.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(Stem::Imagenet), keys(Stem::Cifar));
}

/// Resolutions that RepDistiller's networks have at the hints of one 32×32 image.
#[test]
fn stages_have_the_literature_s_shapes() {
    for (name, expected) in [
        ("resnet20", "stem 16×32×32, layer1 16×32×32, layer2 32×16×16, layer3 64×8×8"),
        ("wrn_16_2", "stem 16×32×32, layer1 32×32×32, layer2 64×16×16, layer3 128×8×8"),
        ("vgg8", "stem 64×32×32, layer1 128×16×16, layer2 256×8×8, layer3 512×4×4, layer4 512×4×4"),
        ("MobileNetV2", "stem 16×16×16, layer1 12×16×16, layer2 16×8×8, layer3 48×4×4, layer4 160×2×2"),
        ("ShuffleV1", "stem 24×32×32, layer1 240×16×16, layer2 480×8×8, layer3 960×4×4"),
        ("ShuffleV2", "stem 24×32×32, layer1 116×16×16, layer2 232×8×8, layer3 464×4×4"),
        ("efficientnet_lite0", "stem 32×16×16, layer1 24×8×8, layer2 40×4×4, layer3 112×2×2, layer4 320×1×1"),
        ("mobilenet_v3_small", "stem 16×16×16, layer1 16×8×8, layer2 24×4×4, layer3 48×2×2, layer4 96×1×1"),
        ("convnext_atto", "stem 40×8×8, layer1 40×8×8, layer2 80×4×4, layer3 160×2×2, layer4 320×1×1"),
        ("squeezenet1_1", "stem 64×15×15, layer1 128×7×7, layer2 256×3×3, layer3 512×1×1"),
        ("vit_tiny_cifar", "stem 192×8×8"),
        ("resnet18", "stem 64×16×16, layer1 64×8×8, layer2 128×4×4, layer3 256×2×2, layer4 512×1×1"),
    ] {
        let graph = zoo::build(name, &ZooOptions::new(100, 3, 32, 32)).unwrap();
        let stages: Vec<String> =
            graph.stages().iter().map(|(n, id)| format!("{n} {}", graph.node(*id).shape)).collect();
        assert_eq!(stages.join(", "), expected, "{name}");
    }
}
