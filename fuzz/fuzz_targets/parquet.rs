#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kd2m_fuzz::run("parquet", bytes));
