//! What holds the operations on a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Function;
use crate::model::tag_keys;
use crate::plan::{Hold, HoldKind};
use crate::policy::{self, DEPLOY};
use crate::status::inputs::StatusInputs;

/// Something that holds an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveHold {
    /// The name of the function.
    pub operation: String,
    pub hold: Hold,
    /// `None` if it is not recorded.
    pub since: Option<Timestamp>,
}

/// Returns the recorded holds and a freeze, mistakes in the configuration first, then the oldest.
pub(super) fn list_holds(inputs: &StatusInputs<'_>) -> Vec<ActiveHold> {
    let recorded = inputs.state.holds.iter();
    let mut holds: Vec<ActiveHold> = recorded
        .map(|(operation, recorded)| ActiveHold {
            operation: operation.clone(),
            hold: recorded.hold.clone(),
            since: Some(recorded.since),
        })
        .filter(|active| !is_over(&active.hold, inputs.now) && has_tag(&active.operation, inputs))
        .collect();
    let is_frozen = holds
        .iter()
        .any(|active| active.hold.kind == HoldKind::Freeze);
    if !is_frozen {
        holds.extend(find_freeze(inputs));
    }
    holds.sort_by_key(|active| {
        let is_configuration = active.hold.kind.is_of_configuration();
        (!is_configuration, active.since.is_none(), active.since)
    });
    holds
}

/// Reports whether the target has the tag of an operation, if it needs one: without it, nothing evaluates the hold.
fn has_tag(operation: &str, inputs: &StatusInputs<'_>) -> bool {
    let function = Function::ALL
        .into_iter()
        .find(|function| function.name() == operation);
    let needed = match function.and_then(Function::tag) {
        // Healing is on by default.
        Some(tag_keys::HEAL) | None => return true,
        Some(tag) => tag,
    };
    inputs.tagged.tags.contains_key(needed)
}

/// Reports whether a freeze has ended that the next sweep still finds recorded.
fn is_over(hold: &Hold, now: Timestamp) -> bool {
    hold.kind == HoldKind::Freeze && hold.until.is_some_and(|until| until <= now)
}

/// Returns the freeze in effect, in which no image was pushed yet.
fn find_freeze(inputs: &StatusInputs<'_>) -> Option<ActiveHold> {
    let tags = &inputs.tagged.tags;
    let freezes = policy::parse_freezes(tags).ok()?;
    let until = policy::frozen_until(&freezes, inputs.now).filter(|_| tags.contains_key(DEPLOY))?;
    Some(ActiveHold {
        operation: Function::Deploy.name().to_owned(),
        hold: Hold {
            until: Some(until),
            ..Hold::new(HoldKind::Freeze, "new images are held - freeze")
        },
        since: None,
    })
}
