//! How far the redirect of `download` is ahead of the same in other languages. Times, so that no test run depends on it.

use super::verdict::Verdict;
use crate::figures::{FunctionFigures, Kind};

/// How many times as long as Satchel's the first response of another language takes at least.
const AHEAD: f64 = 20.0;

/// How many times as long as `own` first response a peer's takes.
pub fn ahead(own: &FunctionFigures, peer: &FunctionFigures) -> f64 {
    peer.ratio(own, |round| round.first_response_us)
}

/// A verdict for each peer.
pub fn verdicts(rows: &[FunctionFigures]) -> Vec<Verdict> {
    let own = rows.iter().find(|row| row.kind != Kind::Peer);
    let peers = rows.iter().filter(|row| row.kind == Kind::Peer);
    let verdict = |peer: &FunctionFigures| {
        let ratio = own.map(|own| ahead(own, peer));
        let figure = ratio.map_or_else(|| "not measured".to_owned(), |ratio| format!("{ratio:.1} ×"));
        let text = format!("first response: at least {AHEAD} × ahead of {}; {figure}", peer.function);
        Verdict { text, met: ratio.map(|ratio| ratio >= AHEAD) }
    };
    peers.map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Round, example};

    fn row(kind: Kind, first_responses: &[f64]) -> FunctionFigures {
        let round = |first_response_us: &f64| Round { first_response_us: *first_response_us, ..example::round() };
        FunctionFigures { rounds: first_responses.iter().map(round).collect(), ..example::function(kind) }
    }

    #[test]
    fn twenty_times_as_long_is_enough() {
        let own = row(Kind::Storage, &[1_000.0, 2_000.0, 3_000.0]);
        for (peer, met) in [([20_000.0, 40_000.0, 1.0], true), ([19_900.0, 39_800.0, 90_000.0], false)] {
            let verdicts = verdicts(&[own.clone(), row(Kind::Peer, &peer)]);
            assert_eq!(verdicts.iter().map(|verdict| verdict.met).collect::<Vec<_>>(), [Some(met)], "{verdicts:?}");
        }
        assert!(verdicts(&[own]).is_empty());
    }
}
