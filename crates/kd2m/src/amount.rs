//! Numbers as people say them.

/// `11.2 M`, `1369`.
pub fn count(number: u64) -> String {
    match number as f64 {
        n if n >= 1e9 => format!("{:.2} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.1} k", n / 1e3),
        _ => number.to_string(),
    }
}

/// `42.7 MB`, `6.2 kB`: powers of ten.
pub fn bytes(number: u64) -> String {
    match number as f64 {
        n if n >= 1e9 => format!("{:.2} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n if n >= 1e3 => format!("{:.1} kB", n / 1e3),
        _ => format!("{number} bytes"),
    }
}

/// What was measured: `3.2 s`, `12 min`, `2.5 h`.
#[cfg(feature = "report")]
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.1} s"),
        s => clock(s),
    }
}

/// What is expected: `3 s`, `12 min`, `2.5 h`.
pub fn clock(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_three_digits() {
        assert_eq!([1369, 65834, 11_181_642, 4_089_184_256].map(count), ["1369", "65.8 k", "11.2 M", "4.09 G"]);
        assert_eq!([999, 6204, 44_730_000, 2_500_000_000].map(bytes), ["999 bytes", "6.2 kB", "44.7 MB", "2.50 GB"]);
        assert_eq!([3.21, 600.0, 9000.0].map(clock), ["3 s", "10 min", "2.5 h"]);
        #[cfg(feature = "report")]
        assert_eq!([3.21, 600.0, 9000.0].map(duration), ["3.2 s", "10 min", "2.5 h"]);
    }
}
