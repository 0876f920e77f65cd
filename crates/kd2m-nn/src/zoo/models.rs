//! The table of networks: name, one line for a person who chooses, and the function that builds it.
//! Names and widths of the CIFAR families are RepDistiller's, so that published pairs can be typed as they are written.

use super::{
    ZooOptions,
    blocks::Residual::{Basic, Bottleneck, WideBottleneck},
    cifar_resnet::{self, NARROW, X4},
    convnext, densenet, digits, efficientnet, mlp, mnasnet, mobilenet, mobilenet_torch, regnet, resnet, shufflenet,
    shufflenet_torch, squeezenet, vgg, vit, wrn,
};
use crate::graph::{Graph, GraphError};

/// A network of the zoo.
pub struct ModelEntry {
    /// What it is called in configurations.
    pub name: &'static str,
    /// Channels, height and width of the images that it was made for.
    pub images: [usize; 3],
    /// One line on what it is and where it is from.
    pub summary: &'static str,
    /// Its graph for these images and classes.
    pub build: fn(&ZooOptions) -> Result<Graph, GraphError>,
}

const DIGITS: [usize; 3] = [1, 8, 8];
const MNIST: [usize; 3] = [1, 28, 28];
const CIFAR: [usize; 3] = [3, 32, 32];
const IMAGENET: [usize; 3] = [3, 224, 224];

const fn model(
    name: &'static str,
    images: [usize; 3],
    summary: &'static str,
    build: fn(&ZooOptions) -> Result<Graph, GraphError>,
) -> ModelEntry {
    ModelEntry { name, images, summary, build }
}

/// Every network, family by family.
pub const MODELS: &[ModelEntry] = &[
    model("digits-cnn-teacher", DIGITS, "four 3×3 convolutions for 8×8 digits, 64 features", digits::teacher),
    model("digits-cnn-student", DIGITS, "convolutions of 3 and 6 channels, widened to 64 features", digits::student),
    model(
        "digits-cnn-middle",
        DIGITS,
        "convolutions of 8 and 16 channels, two each, widened to 64 features",
        digits::middle,
    ),
    model("mlp-5", MNIST, "KD²M's MNIST teacher: 512-256-128-128-128 (Montesuma 2025)", |o| {
        mlp::mlp("mlp-5", o, &[512, 256, 128, 128, 128])
    }),
    model("mlp-3", MNIST, "KD²M's MNIST student: 512-256-128 (Montesuma 2025)", |o| {
        mlp::mlp("mlp-3", o, &[512, 256, 128])
    }),
    model("resnet18", IMAGENET, "torchvision's ResNet-18, stem for ImageNet or CIFAR (He et al. 2016)", |o| {
        resnet::resnet("resnet18", o, Basic, [2, 2, 2, 2])
    }),
    model("resnet34", IMAGENET, "torchvision's ResNet-34, stem for ImageNet or CIFAR (He et al. 2016)", |o| {
        resnet::resnet("resnet34", o, Basic, [3, 4, 6, 3])
    }),
    model("resnet50", IMAGENET, "torchvision's ResNet-50, stem for ImageNet or CIFAR (He et al. 2016)", |o| {
        resnet::resnet("resnet50", o, Bottleneck, [3, 4, 6, 3])
    }),
    model("resnet101", IMAGENET, "torchvision's ResNet-101, stem for ImageNet or CIFAR (He et al. 2016)", |o| {
        resnet::resnet("resnet101", o, Bottleneck, [3, 4, 23, 3])
    }),
    model("resnet152", IMAGENET, "torchvision's ResNet-152, stem for ImageNet or CIFAR (He et al. 2016)", |o| {
        resnet::resnet("resnet152", o, Bottleneck, [3, 8, 36, 3])
    }),
    model(
        "wide_resnet50_2",
        IMAGENET,
        "torchvision's ResNet-50, twice as wide inside its blocks, both stems (Zagoruyko & Komodakis 2016)",
        |o| resnet::resnet("wide_resnet50_2", o, WideBottleneck, [3, 4, 6, 3]),
    ),
    model("resnet8", CIFAR, "CIFAR ResNet of depth 8, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet8", o, 8, NARROW)
    }),
    model("resnet14", CIFAR, "CIFAR ResNet of depth 14, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet14", o, 14, NARROW)
    }),
    model("resnet20", CIFAR, "CIFAR ResNet of depth 20, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet20", o, 20, NARROW)
    }),
    model("resnet32", CIFAR, "CIFAR ResNet of depth 32, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet32", o, 32, NARROW)
    }),
    model("resnet44", CIFAR, "CIFAR ResNet of depth 44, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet44", o, 44, NARROW)
    }),
    model("resnet56", CIFAR, "CIFAR ResNet of depth 56, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet56", o, 56, NARROW)
    }),
    model("resnet110", CIFAR, "CIFAR ResNet of depth 110, 16-32-64 channels (He et al. 2016)", |o| {
        cifar_resnet::resnet("resnet110", o, 110, NARROW)
    }),
    model("resnet20_a", CIFAR, "CIFAR ResNet of depth 20, shortcuts of zeros (He et al. 2016, option A)", |o| {
        cifar_resnet::option_a("resnet20_a", o, 20)
    }),
    model("resnet32_a", CIFAR, "CIFAR ResNet of depth 32, shortcuts of zeros (He et al. 2016, option A)", |o| {
        cifar_resnet::option_a("resnet32_a", o, 32)
    }),
    model("resnet44_a", CIFAR, "CIFAR ResNet of depth 44, shortcuts of zeros (He et al. 2016, option A)", |o| {
        cifar_resnet::option_a("resnet44_a", o, 44)
    }),
    model("resnet56_a", CIFAR, "CIFAR ResNet of depth 56, shortcuts of zeros (He et al. 2016, option A)", |o| {
        cifar_resnet::option_a("resnet56_a", o, 56)
    }),
    model("resnet110_a", CIFAR, "CIFAR ResNet of depth 110, shortcuts of zeros (He et al. 2016, option A)", |o| {
        cifar_resnet::option_a("resnet110_a", o, 110)
    }),
    model("resnet8x4", CIFAR, "CIFAR ResNet of depth 8, 64-128-256 channels (Tian et al. 2020)", |o| {
        cifar_resnet::resnet("resnet8x4", o, 8, X4)
    }),
    model("resnet32x4", CIFAR, "CIFAR ResNet of depth 32, 64-128-256 channels (Tian et al. 2020)", |o| {
        cifar_resnet::resnet("resnet32x4", o, 32, X4)
    }),
    model("wrn_16_1", CIFAR, "wide ResNet of depth 16, 1 times as wide (Zagoruyko & Komodakis 2016)", |o| {
        wrn::wrn("wrn_16_1", o, 16, 1)
    }),
    model("wrn_16_2", CIFAR, "wide ResNet of depth 16, 2 times as wide (Zagoruyko & Komodakis 2016)", |o| {
        wrn::wrn("wrn_16_2", o, 16, 2)
    }),
    model("wrn_40_1", CIFAR, "wide ResNet of depth 40, 1 times as wide (Zagoruyko & Komodakis 2016)", |o| {
        wrn::wrn("wrn_40_1", o, 40, 1)
    }),
    model("wrn_40_2", CIFAR, "wide ResNet of depth 40, 2 times as wide (Zagoruyko & Komodakis 2016)", |o| {
        wrn::wrn("wrn_40_2", o, 40, 2)
    }),
    model("vgg8", CIFAR, "VGG of depth 8 with batch norm, one linear layer (Simonyan & Zisserman 2015)", |o| {
        vgg::vgg("vgg8", o, [1, 1, 1, 1, 1])
    }),
    model("vgg11", CIFAR, "VGG of depth 11 with batch norm, one linear layer (Simonyan & Zisserman 2015)", |o| {
        vgg::vgg("vgg11", o, [1, 1, 2, 2, 2])
    }),
    model("vgg13", CIFAR, "VGG of depth 13 with batch norm, one linear layer (Simonyan & Zisserman 2015)", |o| {
        vgg::vgg("vgg13", o, [2, 2, 2, 2, 2])
    }),
    model("vgg16", CIFAR, "VGG of depth 16 with batch norm, one linear layer (Simonyan & Zisserman 2015)", |o| {
        vgg::vgg("vgg16", o, [2, 2, 3, 3, 3])
    }),
    model("vgg19", CIFAR, "VGG of depth 19 with batch norm, one linear layer (Simonyan & Zisserman 2015)", |o| {
        vgg::vgg("vgg19", o, [2, 2, 4, 4, 4])
    }),
    model("MobileNetV2", CIFAR, "half width, for 32×32 images (Sandler et al. 2018)", mobilenet::half),
    model("ShuffleV1", CIFAR, "ShuffleNet with three groups, for 32×32 images (Zhang et al. 2018)", shufflenet::v1),
    model("ShuffleV2", CIFAR, "ShuffleNet V2 of width one, for 32×32 images (Ma et al. 2018)", shufflenet::v2),
    model("mobilenet_v2", IMAGENET, "torchvision's MobileNetV2 (Sandler et al. 2018)", mobilenet_torch::v2),
    model(
        "mobilenet_v3_small",
        IMAGENET,
        "torchvision's small MobileNetV3 (Howard et al. 2019)",
        mobilenet_torch::v3_small,
    ),
    model(
        "mobilenet_v3_large",
        IMAGENET,
        "torchvision's large MobileNetV3 (Howard et al. 2019)",
        mobilenet_torch::v3_large,
    ),
    model("efficientnet_b0", IMAGENET, "torchvision's EfficientNet-B0 (Tan & Le 2019)", efficientnet::b0),
    model("mnasnet1_0", IMAGENET, "torchvision's MnasNet (Tan et al. 2019)", mnasnet::v1_0),
    model("shufflenet_v2_x1_0", IMAGENET, "torchvision's ShuffleNet V2 (Ma et al. 2018)", shufflenet_torch::v2_x1_0),
    model(
        "squeezenet1_1",
        IMAGENET,
        "torchvision's SqueezeNet 1.1, whose classifier is a convolution (Iandola et al. 2016)",
        squeezenet::v1_1,
    ),
    model(
        "regnet_y_400mf",
        IMAGENET,
        "torchvision's RegNetY of 0.4 thousand million multiply-adds (Radosavovic et al. 2020)",
        regnet::y_400mf,
    ),
    model(
        "regnet_y_800mf",
        IMAGENET,
        "torchvision's RegNetY of 0.8 thousand million multiply-adds (Radosavovic et al. 2020)",
        regnet::y_800mf,
    ),
    model("densenet121", IMAGENET, "torchvision's DenseNet-121 (Huang et al. 2017)", densenet::of_121),
    model("convnext_tiny", IMAGENET, "torchvision's ConvNeXt-T (Liu et al. 2022)", convnext::tiny),
    model("convnext_atto", IMAGENET, "timm's ConvNeXt with 3.7 million parameters (Liu et al. 2022)", convnext::atto),
    model("vit_b_16", IMAGENET, "torchvision's ViT-B/16 (Dosovitskiy et al. 2021)", vit::b_16),
    model(
        "deit_tiny_patch16_224",
        IMAGENET,
        "timm's DeiT-Ti/16, images of whole patches (Touvron et al. 2021)",
        vit::deit_tiny,
    ),
    model(
        "deit_small_patch16_224",
        IMAGENET,
        "timm's DeiT-S/16, images of whole patches (Touvron et al. 2021)",
        vit::deit_small,
    ),
    model("vit_tiny_cifar", CIFAR, "DeiT-Ti with patches of 4×4, timm's keys (Touvron et al. 2021)", vit::tiny_cifar),
    model("efficientnet_lite0", IMAGENET, "timm's EfficientNet-Lite0, PyTorch's padding", efficientnet::lite0),
    model("tf_efficientnet_lite0", IMAGENET, "timm's EfficientNet-Lite0, TensorFlow's padding", efficientnet::tf_lite0),
];
