//! Sizes and times in the unit that suits them.

/// Bytes, where they are a whole number of a unit.
pub fn size(bytes: u64) -> String {
    match bytes {
        1_073_741_824.. => format!("{} GiB", bytes / 1_073_741_824),
        1_048_576.. => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} KiB", bytes / 1_024),
    }
}

/// Microseconds.
pub fn duration(microseconds: f64) -> String {
    if microseconds < 1_000.0 { format!("{microseconds:.0} µs") } else { format!("{:.2} ms", microseconds / 1_000.0) }
}

/// Kibibytes.
pub fn mebibytes(kibibytes: f64) -> String {
    format!("{:.1} MiB", kibibytes / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_the_unit_that_suits_them() {
        for (bytes, expected) in [(1_024, "1 KiB"), (4_194_304, "4 MiB"), (1_073_741_824, "1 GiB")] {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!((duration(999.4).as_str(), duration(1_000.0).as_str()), ("999 µs", "1.00 ms"));
    }
}
