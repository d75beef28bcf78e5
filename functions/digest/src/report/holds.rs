//! Targets that are held, silenced or quarantined, and deadlines that are near.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Database, Tagged};
use lamplighter::policy;
use lamplighter::state::TargetState;

use crate::inputs::ReportInputs;

/// The time before a certificate expires from which the report warns, enough to replace it in a
/// maintenance window.
const CERTIFICATE_WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);
const ONE_DAY: SignedDuration = SignedDuration::from_hours(24);

/// A line of the report about one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The display name of the target.
    pub name: String,
    pub text: String,
}

impl Entry {
    #[must_use]
    pub fn new(target: &Tagged, text: impl Into<String>) -> Self {
        Self {
            name: target.arn.display_name(),
            text: text.into(),
        }
    }
}

/// Returns what is held, silenced, frozen or quarantined for a target.
pub fn list_holds(tagged: &Tagged, state: &TargetState, now: Timestamp) -> Vec<Entry> {
    let waiting = state.waiting.iter().map(|(operation, (cause, since))| {
        let since = since.strftime("%F %H:%M UTC");
        format!("{operation} held: {cause} (since {since})")
    });
    let freeze = tagged
        .tags
        .get(policy::FREEZE)
        .map(|freeze| format!("freeze: {freeze}"));
    let quarantined = state.releases.quarantined.iter().map(|(digest, reason)| {
        let digest = digest.short_digest();
        format!("{digest} is quarantined: {reason}")
    });
    waiting
        .chain(describe_silence(tagged, now))
        .chain(freeze)
        .chain(quarantined)
        .map(|text| Entry::new(tagged, text))
        .collect()
}

/// Describes the silence of a target; `None` without one, or if its tag is invalid.
fn describe_silence(tagged: &Tagged, now: Timestamp) -> Option<String> {
    let until = policy::parse_silence(&tagged.tags).ok().flatten()?;
    Some(if until > now {
        format!("silenced until {}", until.strftime("%F %H:%M UTC"))
    } else {
        format!("the silence has ended: remove the tag {}", policy::SILENCE)
    })
}

/// Returns certificates about to expire, and silences that end within a day.
pub fn list_expiring(inputs: &ReportInputs, now: Timestamp) -> Vec<Entry> {
    let certificates = inputs
        .described
        .iter()
        .filter_map(|database| describe_certificate(database, now));
    let silences = inputs
        .services
        .iter()
        .chain(&inputs.databases)
        .filter_map(|(tagged, _)| describe_silence_end(tagged, now));
    certificates.chain(silences).collect()
}

fn describe_certificate(database: &Database, now: Timestamp) -> Option<Entry> {
    let until = database
        .certificate_until
        .filter(|until| until.duration_since(now) < CERTIFICATE_WARNING)?;
    Some(Entry {
        name: database.arn.display_name(),
        text: format!(
            "the server certificate expires on {}: choose another certificate authority",
            until.strftime("%F")
        ),
    })
}

fn describe_silence_end(tagged: &Tagged, now: Timestamp) -> Option<Entry> {
    let until = policy::parse_silence(&tagged.tags).ok().flatten()?;
    let ends_soon = until > now && until.duration_since(now) < ONE_DAY;
    ends_soon.then(|| {
        let text = format!("the silence ends on {}", until.strftime("%F %H:%M UTC"));
        Entry::new(tagged, text)
    })
}
