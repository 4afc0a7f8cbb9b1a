//! What a judge's transitions mean for incidents.

use super::incidents::Word;
use crate::incident::{News, news_of};
use crate::model::{OltId, Timestamp};
use crate::signal::{Judge, Transition};

/// The words for these transitions, in their order.
pub(super) fn words_of(told: &[Transition], judge: &Judge) -> Vec<Word> {
    news_of(told, judge).into_iter().map(|(news, at)| Word::News(judge.olt().clone(), news, at)).collect()
}

/// That an OLT cannot be read, said by one who has no judge yet.
pub(super) fn unreachable(olt: &OltId, at: Timestamp) -> Word {
    Word::News(olt.clone(), News::Unreachable, at)
}

/// That it can.
pub(super) fn answering(olt: &OltId, at: Timestamp) -> Word {
    Word::News(olt.clone(), News::Answering, at)
}
