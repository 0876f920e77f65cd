//! Images a second of two pure-Rust ONNX runtimes on one model, in alternation: `runtimes FILE.onnx BATCH THREADS ROUNDS`.
//! tract runs on one thread and on all of them, and the better counts.

use std::{error::Error, time::Instant};

use rten::{ModelOptions, RunOptions, ThreadPool, Value};
use tract_onnx::prelude::{multithread::Executor, *};

const SIDE: usize = 224;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, batch, threads, rounds] = &arguments[..] else {
        return Err("runtimes FILE.onnx BATCH THREADS ROUNDS".into());
    };
    let (batch, threads, rounds) = (batch.parse::<usize>()?, threads.parse::<usize>()?, rounds.parse::<usize>()?);
    let shape = [batch, 3, SIDE, SIDE];
    let mut state = 1u64;
    let pixels: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32
        })
        .collect();

    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    let model = options.load_file(file)?;
    let (input, output) = (model.node_id("images")?, model.node_id("logits")?);
    let pool = Arc::new(ThreadPool::with_num_threads(threads));
    let rten = || -> Result<Vec<f32>, Box<dyn Error>> {
        let images = Value::from_shape(shape, pixels.clone())?;
        let mut options = RunOptions::default();
        options.thread_pool = Some(pool.clone());
        let [logits] = model.run_n(vec![(input, images.into())], [output], Some(options))?;
        let (_, values) = logits.into_shape_vec::<f32, 2>()?;
        Ok(values)
    };

    let other = tract_onnx::onnx().model_for_path(file)?;
    let other = other.with_input_fact(0, f32::fact(shape).into())?.into_optimized()?.into_runnable()?;
    let tract = |threads: usize| -> Result<Vec<f32>, Box<dyn Error>> {
        let executor = if threads > 1 { Executor::multithread(threads) } else { Executor::SingleThread };
        multithread::set_default_executor(executor);
        let found = other.run(tvec![Tensor::from_shape(&shape, &pixels)?.into()])?;
        Ok(found[0].to_plain_array_view::<f32>()?.iter().copied().collect())
    };

    let (mine, theirs) = (rten()?, tract(threads)?);
    let mean = mine.iter().sum::<f32>() / mine.len() as f32;
    let spread = mine.iter().map(|x| (x - mean).powi(2)).sum::<f32>().sqrt();
    println!("off {:.1e}", mine.iter().zip(&theirs).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt() / spread);

    let mut seconds = [vec![], vec![], vec![]];
    for _ in 0..rounds {
        let runs: [&dyn Fn() -> Result<Vec<f32>, Box<dyn Error>>; 3] = [&rten, &|| tract(threads), &|| tract(1)];
        for (spent, run) in seconds.iter_mut().zip(runs) {
            let start = Instant::now();
            run()?;
            spent.push(start.elapsed().as_secs_f64());
        }
    }
    let [rten, tract, alone] = seconds.map(|mut spent| {
        spent.sort_by(f64::total_cmp);
        batch as f64 / spent[spent.len() / 2]
    });
    println!("rten: {rten:.2} images/s\ntract: {:.2} images/s", tract.max(alone));
    Ok(())
}
