//! What is said of a command that is being carried out: a line of JSON each.

use satchel_expire::report::{Summary, Tally};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    /// What the lifecycle rules have deleted.
    Lifecycle(Tally),
    /// What has gone so far.
    Progress(Tally),
    /// The last line: what a run came to.
    Summary(Box<Summary>),
    /// The last line: why there is no summary.
    Failed(String),
}

impl Said {
    /// As it is sent.
    pub fn line(&self) -> String {
        // Keys are text and numbers are whole: nothing here can fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// All that went, or in a dry run would go.
pub(crate) fn gone(summary: &Summary) -> Tally {
    let tallies = [summary.expired, summary.over_limit, summary.abandoned];
    let sum = |total: Tally, tally: &Tally| Tally {
        objects: total.objects + tally.objects,
        bytes: total.bytes.saturating_add(tally.bytes),
    };
    tallies.iter().fold(Tally::default(), sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use satchel_core::time::Timestamp;

    #[test]
    fn lines_are_read_as_they_were_said() {
        let mut summary = Summary::new("run".into(), true, Timestamp::from_seconds(1_512_344_525));
        summary.fail("a line\nfeed".into());
        summary.left = Some(Tally { objects: 7, bytes: 1 << 40 });
        for said in [
            Said::Lifecycle(Tally { objects: 1, bytes: 2 }),
            Said::Progress(Tally::default()),
            Said::Summary(Box::new(summary)),
            Said::Failed("it failed".into()),
        ] {
            let line = said.line();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(serde_json::from_str::<Said>(&line).unwrap(), said);
        }
    }
}
