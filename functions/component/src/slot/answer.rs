//! Requests for slots, and what they are answered with.

use satchel_core::{secret::Secret, time::Timestamp};

use crate::{
    reply::Reply,
    stanza::{
        error::{ErrorType, StanzaError},
        iq::{Exchange, Question},
    },
};

use super::{
    attempt::Attempt,
    domains::Service,
    front,
    granting::{self, Chance, Slot},
    policy::{SlotPolicy, component_host},
    refusal::SlotRefusal,
    request::{PutAddress, UploadNamespace},
};

/// A slot and who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedSlot {
    /// The slot.
    pub slot: Slot,
    exchange: Exchange,
    namespace: UploadNamespace,
}

impl GrantedSlot {
    /// The answer, now that there are URLs.
    #[must_use]
    pub fn reply(&self, put: &PutAddress, get_url: &str) -> Reply {
        let slot = self.namespace.slot(put, get_url);
        Reply { stanza: self.exchange.result(Some(slot)), code: "slot_granted" }
    }

    /// Where to PUT and GET at a front: with a token in a header, or in the path for clients that know no headers.
    ///
    /// # Errors
    /// As [`front::urls`].
    pub fn at_front(&self, public_url: &str, secret: &Secret, now: Timestamp) -> Result<PutAddress, SlotRefusal> {
        let (slot, from) = (&self.slot, self.exchange.from.as_str());
        match self.namespace {
            UploadNamespace::Current => {
                let bearer = Some(front::token(slot, from, secret, now)?);
                Ok(PutAddress { url: slot.get_url(public_url), bearer })
            }
            UploadNamespace::Legacy => {
                let [url, _] = front::urls(slot, from, public_url, secret, now)?;
                Ok(PutAddress { url, bearer: None })
            }
        }
    }

    /// The answer where there is no slot after all.
    #[must_use]
    pub fn refusal(&self, refusal: &SlotRefusal) -> Reply {
        let error = self.namespace.error(refusal);
        Reply { stanza: self.exchange.error(&error), code: refusal.code() }
    }

    /// The answer where the quota cannot be looked up.
    #[must_use]
    pub fn unavailable(&self) -> Reply {
        let error = StanzaError::new(ErrorType::Wait, "internal-server-error", "try again in a minute");
        Reply { stanza: self.exchange.error(&error), code: "storage_unavailable" }
    }
}

/// A slot that is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSlot {
    /// The answer.
    pub reply: Reply,
    /// Why.
    pub refusal: SlotRefusal,
    /// What was asked for.
    pub attempt: Attempt,
}

/// Decides about a stanza that asks for a slot.
///
/// # Errors
/// There is none; the answer says why.
pub fn decide_question(
    exchange: Exchange,
    namespace: UploadNamespace,
    question: &Question,
    policy: &SlotPolicy,
    now: Timestamp,
    chance: &Chance,
) -> Result<GrantedSlot, RefusedSlot> {
    match slot_for(&exchange, namespace, question, policy, now, chance) {
        Ok(slot) => Ok(GrantedSlot { slot, exchange, namespace }),
        Err(refusal) => {
            let stanza = exchange.error(&namespace.error(&refusal));
            let reply = Reply { stanza, code: refusal.code() };
            let attempt = Attempt::of(&exchange.from, namespace.value(&question.payload, "size"), policy);
            Err(RefusedSlot { reply, refusal, attempt })
        }
    }
}

fn slot_for(
    exchange: &Exchange,
    namespace: UploadNamespace,
    question: &Question,
    policy: &SlotPolicy,
    now: Timestamp,
    chance: &Chance,
) -> Result<Slot, SlotRefusal> {
    let component = component_host(&exchange.to)?;
    let service = Service::Component(component.domain());
    let request = namespace.request(&question.payload, &exchange.from, service)?;
    granting::decide(&request, policy, now, chance)
}
