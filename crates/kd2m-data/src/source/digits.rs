//! The UCI handwritten digits (Alpaydin & Kaynak 1998, CC BY 4.0), embedded: 1,797 images of 8×8 pixels with values 0–16.
//! The file has no split: 20 % are test, drawn by class with a fixed seed, the same for everyone; a validation share of 0.25 of the other 80 % gives 60 / 20 / 20 %.

use flate2::read::GzDecoder;
use std::io::Read;

use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::samples::Raw;
use crate::{Augment, DataError, Dataset, Operation, split};

static FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");
const PLACE: &str = "the embedded digits.csv.gz";
const SIDE: usize = 8;
/// Fixed for good: another seed is another data set.
const SPLIT_SEED: u64 = 1998;

pub(crate) const ENTRY: Entry = Entry {
    name: "digits",
    about: "UCI handwritten digits, embedded: 1,438 + 359 images, 1×8×8, 10 classes",
    files: "",
    credit: "Handwritten digits: E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, CC BY 4.0",
    takes_path: false,
    load,
};

fn load(_: Place) -> Result<Dataset, DataError> {
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text).map_err(|error| DataError::format(PLACE, error.to_string()))?;
    let all = parse(&text)?;
    let parts = split(&all.labels, 10, 0.2, SPLIT_SEED);
    let description = Description {
        name: ENTRY.name.into(),
        shape: [1, SIDE, SIDE],
        class_names: (0..10).map(|digit| digit.to_string()).collect(),
        scale: 1.0 / 16.0,
        // No flip: a mirrored digit is another or none. One pixel of shift is 1/8 of the image.
        augment: Augment::of(Operation::Affine { degrees: 10.0, translate: 0.1, scale: 0.1 }),
        val_fraction: 0.25,
        credit: ENTRY.credit,
    };
    Ok(description.with(pick(&all, &parts.train), pick(&all, &parts.val)))
}

/// One row an image: 64 pixels, then the label.
fn parse(text: &str) -> Result<Raw, DataError> {
    let mut samples = Raw::default();
    for (row, line) in text.lines().enumerate() {
        let values: Option<Vec<u8>> = line.split(',').map(|value| value.parse().ok()).collect();
        match values.as_deref() {
            Some([pixels @ .., label])
                if pixels.len() == SIDE * SIDE && *label < 10 && pixels.iter().all(|&pixel| pixel <= 16) =>
            {
                samples.pixels.extend_from_slice(pixels);
                samples.labels.push(u32::from(*label));
            }
            _ => return Err(DataError::format(PLACE, format!("row {row} is not 64 pixels in 0–16 and a digit"))),
        }
    }
    Ok(samples)
}

fn pick(all: &Raw, indices: &[u32]) -> Raw {
    Raw {
        pixels: indices
            .iter()
            .flat_map(|&index| &all.pixels[index as usize * SIDE * SIDE..][..SIDE * SIDE])
            .copied()
            .collect(),
        labels: indices.iter().map(|&index| all.labels[index as usize]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Dataset {
        load(Place { path: "", root: None, reading: &crate::Reading::default() }).unwrap()
    }

    #[test]
    fn the_parts_are_60_20_20_percent_by_class() {
        let digits = digits();
        assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
        let parts = split(&digits.train.labels, digits.classes, digits.val_fraction, 0);
        assert_eq!((parts.train.len(), parts.val.len()), (1078, 360));
        for class in 0..10 {
            let test = digits.test.labels.iter().filter(|&&label| label == class).count();
            let train = digits.train.labels.iter().filter(|&&label| label == class).count();
            assert!((test as f64 - 0.2 * (test + train) as f64).abs() < 1.0);
        }
    }

    #[test]
    fn the_content_is_this_forever() {
        assert_eq!(digits().checksum(), "e8eac0752cbdb9cb16dacb6116be787c4f913a9a69125633fb8c6b89abbf4bc5");
    }

    #[test]
    fn bad_rows_are_named() {
        let good = format!("{}3", "16,".repeat(64));
        assert_eq!(parse(&good).unwrap().labels, [3]);
        for bad in
            ["", "1,2,3", &good.replacen("16", "17", 1), &good.replace(",3", ",10"), &good.replacen("16", "x", 1)]
        {
            let error = parse(&format!("{good}\n{bad}\n")).unwrap_err().to_string();
            assert_eq!(error, "the embedded digits.csv.gz: row 1 is not 64 pixels in 0–16 and a digit");
        }
    }
}
