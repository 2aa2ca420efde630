//! Room under `SATCHEL_MAX_TOTAL_BYTES`. S3 does not tell how much a bucket holds, so this lists all files: once where
//! they fit, three times where they do not. Memory does not grow with their number.

use satchel_core::purpose::Purpose;
use satchel_store::{Listed, StoreError, Upkeep};

use crate::{
    book::{Book, Spared},
    cutoff::{Ages, Cut, Sieve},
    report::{Reason, Tally},
    run::{Candidate, Run, doomed},
};

const PERMANENT: [&str; 1] = [Purpose::Permanent.key_prefix()];
/// What may have to go; the order in which files of one second are asked about.
const GOING: [&str; 3] =
    [Purpose::Ephemeral.key_prefix(), Purpose::Profile.key_prefix(), Purpose::Message.key_prefix()];

/// Deletes the oldest files until the rest, with what there is of unfinished uploads, fits into `limit` bytes, if there is
/// a limit; counts what is left.
pub(crate) async fn make<S: Upkeep>(run: &Run<'_, S>, book: &mut Book<'_, S>, limit: Option<u64>, unfinished: Tally) {
    if run.is_over() {
        return;
    }
    book.summary.unfinished = Some(unfinished);
    let mut census = Census { spared: book.take_spared(), ..Census::default() };
    if let Err(error) = census.take(run).await {
        return book.fail(&error);
    }
    let staying = census.permanent.bytes.saturating_add(unfinished.bytes);
    let room = limit.map(|limit| limit.saturating_sub(staying));
    if let Some(cut) = room.and_then(|room| census.hours.cut(room)) {
        match refine(run, &census.spared, cut).await {
            Ok(sieve) => thin_out(run, book, &census.spared, sieve).await,
            Err(error) => book.fail(&error),
        }
    }
    if !run.is_over() {
        book.summary.left = Some(census.left(book.summary.over_limit));
    }
}

/// What there is before anything goes for want of room.
#[derive(Default)]
struct Census {
    spared: Spared,
    permanent: Tally,
    going: Tally,
    hours: Ages,
}

impl Census {
    async fn take<S: Upkeep>(&mut self, run: &Run<'_, S>) -> Result<(), StoreError> {
        let Self { spared, permanent, going, hours } = self;
        each(run, &PERMANENT, |file| permanent.add(file.size)).await?;
        let counted = each(run, &GOING, |file| {
            if !spared.has(&file.key) {
                going.add(file.size);
                hours.add(file.stored, file.size);
            }
        });
        counted.await
    }

    fn left(&self, gone: Tally) -> Tally {
        Tally {
            objects: (self.permanent.objects + self.going.objects).saturating_sub(gone.objects),
            bytes: (self.permanent.bytes + self.going.bytes).saturating_sub(gone.bytes),
        }
    }
}

/// Lists once more, for the seconds of the hour in which the room ends.
async fn refine<S: Upkeep>(run: &Run<'_, S>, spared: &Spared, cut: Cut) -> Result<Sieve, StoreError> {
    let mut seconds = cut.by_second();
    let counted = each(run, &GOING, |file| {
        if cut.spans(file.stored) && !spared.has(&file.key) {
            seconds.add(file.stored, file.size);
        }
    });
    counted.await?;
    Ok(cut.refine(&seconds))
}

/// Lists a last time, and deletes what has no room.
async fn thin_out<S: Upkeep>(run: &Run<'_, S>, book: &mut Book<'_, S>, spared: &Spared, mut sieve: Sieve) {
    run.delete_chosen(book, &GOING, |page| without_room(page, spared, &mut sieve)).await;
}

fn without_room(page: Vec<Listed>, spared: &Spared, sieve: &mut Sieve) -> Vec<Candidate> {
    let goes = |file: &Listed| !spared.has(&file.key) && !sieve.keeps(file.stored, file.size);
    page.into_iter().filter(goes).map(|file| doomed(file, Reason::OverLimit)).collect()
}

/// Shows all objects under some prefixes, until the run is over.
async fn each<S: Upkeep>(run: &Run<'_, S>, prefixes: &[&str], mut look: impl FnMut(&Listed)) -> Result<(), StoreError> {
    let mut pages = run.pages(prefixes);
    while let Some(page) = pages.next().await {
        page?.iter().for_each(&mut look);
    }
    Ok(())
}
