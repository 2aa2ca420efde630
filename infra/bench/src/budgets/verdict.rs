//! Whether a budget was reached that is for times, beside what was measured with it.

/// What became of a budget of something that is measured beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The budget and the figure, for people.
    pub text: String,
    /// Whether it is reached; `None` where it was not measured.
    pub met: Option<bool>,
}

/// All that is not reached.
pub fn missed(verdicts: Vec<Verdict>) -> Vec<String> {
    verdicts.into_iter().filter(|verdict| verdict.met == Some(false)).map(|verdict| verdict.text).collect()
}
