//! The process environment.

/// A variable, as configuration reads it. What is not UTF-8 comes with U+FFFD in it, which configuration refuses.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
