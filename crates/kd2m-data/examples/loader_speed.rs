//! Images a second from a folder of files into batches, for `scripts/compare-peers data`.
//!
//! `loader_speed FOLDER SIZE AUGMENT BATCH PASSES THREADS [MIB [CACHE]]`: FOLDER holds `train/CLASS/` and `test/CLASS/`; SIZE is the side of a square
//! at the centre, as in `folder:PATH@cropSIZE`; MIB is what decoded images may take. Prints the seconds of the first look at all files, `median N
//! images/s` over the passes and, on Linux, the most memory that was taken, in MB.

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use kd2m_data::{Loader, Reading, epoch_order, load_with};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, size, augment, batch, passes, threads, more @ ..] = arguments.as_slice() else {
        return Err("usage: loader_speed FOLDER SIZE AUGMENT BATCH PASSES THREADS [MIB [CACHE]]".into());
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    let mut reading = Reading { cache: more.get(1).map(Path::new), ..Reading::default() };
    if let Some(mebibytes) = more.first() {
        reading.memory = mebibytes.parse::<u64>()? << 20;
    }
    let augment = augment.parse()?;
    let began = Instant::now();
    let data = Arc::new(load_with(&format!("folder:{folder}@crop{size}"), None, &reading)?);
    println!("first look {:.2} s at {} images", began.elapsed().as_secs_f64(), data.train.len() + data.test.len());

    let all: Vec<u32> = (0..data.train.len() as u32).collect();
    let (batch, mut rates) = (batch.parse()?, Vec::new());
    for epoch in 0..passes.parse()? {
        let began = Instant::now();
        let (mut loader, mut images) =
            (Loader::training(&data, epoch_order(&all, 1, epoch), batch, &augment, 1, epoch)?, 0);
        while let Some(batch) = loader.next().transpose()? {
            images += batch.len();
            loader.recycle(batch);
        }
        rates.push(images as f64 / began.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!("median {:.1} images/s", rates.get(rates.len() / 2).copied().unwrap_or_default());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        && let Some(kilobytes) = peak.split_whitespace().next()
    {
        println!("peak {:.1} MB", kilobytes.parse::<f64>()? * 1024.0 / 1e6);
    }
    Ok(())
}
