//! Reads an ONNX model of another program and writes what a graph made of it: `roundtrip_onnx IN.onnx OUT.onnx`.
//! `scripts/check_onnx_import.py` compares the two in onnxruntime.

use std::path::PathBuf;

use kd2m_nn::onnx;

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (paths.next(), paths.next()) else {
        return Err("usage: roundtrip_onnx IN.onnx OUT.onnx".into());
    };
    let (graph, weights) = onnx::read(&from)?;
    println!("{} layers, {} features, {} classes", graph.nodes().len(), graph.feature_width(), graph.classes());
    onnx::write(&to, &graph, &weights, &Default::default())?;
    Ok(())
}
