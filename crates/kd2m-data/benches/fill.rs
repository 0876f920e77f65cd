//! How many images a second one core turns into batches: `cargo bench -p kd2m-data`. It must be far above what a network trains.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use kd2m_data::{Augment, Dataset, Samples, fill};

const IMAGES: u32 = 1024;
const BATCH: usize = 128;

fn main() {
    divan::main();
}

/// Images of any content: the time does not depend on it. The shape is the only thing that `fill` takes from the data set.
fn dataset(channels: usize, side: usize) -> Dataset {
    let mut dataset = kd2m_data::load("digits", None).expect("digits are embedded");
    (dataset.channels, dataset.height, dataset.width, dataset.scale) = (channels, side, side, 1.0 / 255.0);
    let pixels = (0..IMAGES as usize * channels * side * side).map(|i| (i * 31 % 251) as u8).collect();
    dataset.train = Samples::new(pixels, vec![0; IMAGES as usize]);
    dataset
}

fn run(bencher: Bencher, dataset: &Dataset, augment: Augment) {
    let indices: Vec<u32> = (0..IMAGES).map(|i| i * 577 % IMAGES).collect();
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(IMAGES)).bench_local(|| {
        for batch in indices.chunks(BATCH) {
            fill(black_box(dataset), &dataset.train, batch, &augment, 1, 0, &mut out).expect("images in memory");
            black_box(&out);
        }
    });
}

#[divan::bench(args = ["none", "crop:4", "crop-flip:4", "affine:10,0.1,0.1"])]
fn cifar(bencher: Bencher, augment: &str) {
    run(bencher, &dataset(3, 32), augment.parse().expect("a known augmentation"));
}

#[divan::bench(args = ["none", "affine:10,0.1,0.1"])]
fn mnist(bencher: Bencher, augment: &str) {
    run(bencher, &dataset(1, 28), augment.parse().expect("a known augmentation"));
}

#[divan::bench(args = ["none", "affine:10,0.1,0.1"])]
fn digits(bencher: Bencher, augment: &str) {
    run(bencher, &dataset(1, 8), augment.parse().expect("a known augmentation"));
}
