//! What the program has to reach beside its peers. Times, so that no test run depends on it.

use super::verdict::Verdict;
use crate::{
    figures::{
        StackFigures,
        peers::{DURABLE, NGINX, PROSODY},
    },
    units::size,
};

/// A ratio to a peer at one size.
struct Budget {
    method: &'static str,
    bytes: u64,
    peer: &'static str,
    least: f64,
}

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

const BUDGETS: [Budget; 9] = [
    Budget { method: "PUT", bytes: KIB, peer: DURABLE, least: 0.8 },
    Budget { method: "PUT", bytes: 100 * KIB, peer: DURABLE, least: 0.8 },
    Budget { method: "PUT", bytes: 4 * MIB, peer: DURABLE, least: 0.8 },
    Budget { method: "PUT", bytes: KIB, peer: PROSODY, least: 10.0 },
    Budget { method: "PUT", bytes: 100 * KIB, peer: PROSODY, least: 10.0 },
    Budget { method: "GET", bytes: KIB, peer: NGINX, least: 0.35 },
    Budget { method: "GET", bytes: 100 * KIB, peer: NGINX, least: 0.7 },
    Budget { method: "GET", bytes: 4 * MIB, peer: NGINX, least: 0.95 },
    Budget { method: "GET", bytes: 1_024 * MIB, peer: NGINX, least: 0.95 },
];
/// Kibibytes that the program has in memory at most, whatever comes.
const MEMORY: u64 = 64 * 1_024;

/// All budgets, in the table's order.
pub fn verdicts(figures: &StackFigures) -> Vec<Verdict> {
    let ratios = BUDGETS.iter().map(|budget| {
        let Budget { method, bytes, peer, least } = budget;
        let ratio = figures.ratio(peer, method, *bytes);
        let figure = ratio.map_or_else(|| "not measured".to_owned(), |ratio| format!("{ratio:.2} ×"));
        let text = format!("{method} {}: at least {least} × {peer}; {figure}", size(*bytes));
        Verdict { text, met: ratio.map(|ratio| ratio >= *least) }
    });
    let peak = figures.memory.loads_kib.max(figures.memory.parallel_kib);
    let text = format!("memory: less than 64 MiB; {:.1} MiB", peak as f64 / 1_024.0);
    ratios.chain([Verdict { text, met: (peak > 0).then_some(peak < MEMORY) }]).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::verdict::missed, *};
    use crate::figures::{Peak, StackLoad, StackRound, peers};

    fn load(peer: &str, rates: &[f64]) -> StackLoad {
        let round = |per_second: &f64| StackRound {
            per_second: *per_second,
            p50_ms: 1.0,
            p99_ms: 1.0,
            client_us: 1.0,
            server_us: 1.0,
        };
        let rounds = rates.iter().map(round).collect();
        StackLoad { peer: peer.to_owned(), method: "GET".to_owned(), bytes: KIB, rounds }
    }

    #[test]
    fn a_budget_is_met_by_the_median_of_the_ratios_within_each_round() {
        for (own, nginx, met) in [
            (vec![35.0, 70.0, 1.0], vec![100.0, 200.0, 200.0], true),
            (vec![34.0, 70.0, 1.0], vec![100.0, 200.0, 200.0], false),
        ] {
            let loads = vec![load(peers::SATCHEL, &own), load(peers::NGINX, &nginx)];
            let memory = Peak { loads_kib: 1, parallel_kib: MEMORY - 1 };
            let figures = StackFigures { rounds: 3, seconds: 1.0, missing: Vec::new(), loads, memory };
            assert_eq!(missed(verdicts(&figures)).is_empty(), met, "{own:?}");
            // Of those that were not measured nothing is said.
            assert_eq!(verdicts(&figures).iter().filter(|verdict| verdict.met.is_none()).count(), BUDGETS.len() - 1);
        }
    }

    #[test]
    fn memory_stays_below_its_budget() {
        let memory = Peak { loads_kib: MEMORY, parallel_kib: 0 };
        let figures = StackFigures { rounds: 0, seconds: 1.0, missing: Vec::new(), loads: Vec::new(), memory };
        assert_eq!(missed(verdicts(&figures)).len(), 1);
    }
}
