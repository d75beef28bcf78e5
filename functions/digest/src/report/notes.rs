//! Targets that people paused or silenced, and deadlines that are near.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Certificate, Command, Database, Renewal, Request, Tagged};
use lamplighter::policy::{self, Managed};
use lamplighter::state::{RequestState, TargetState};

use crate::inputs::ReportInputs;

/// The time before a certificate expires from which the report warns, enough to replace it in a
/// maintenance window.
const CERTIFICATE_WARNING: SignedDuration = SignedDuration::from_hours(60 * 24);
/// The time before the end of a certificate at which ACM has renewed it, unless something is wrong.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(3 * 24);
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

/// Lists the pauses and silences of everything and of applications.
pub fn list_wide_requests(requests: &RequestState, now: Timestamp) -> impl Iterator<Item = Entry> {
    let requests = requests.list_pauses(now).chain(requests.list_silences(now));
    requests.filter_map(|request| {
        Some(Entry {
            name: request.scope.describe_many()?,
            text: describe_request(request),
        })
    })
}

/// Describes a pause or a silence by request: who asked for it, since when, until when and why.
fn describe_request(request: &Request) -> String {
    let what = match request.command {
        Command::Silence => "silenced",
        _ => "paused",
    };
    let until = request.until.map_or_else(String::new, |until| {
        format!(" until {}", until.strftime("%F %H:%M UTC"))
    });
    format!(
        "{what}{until} by {} since {}: {}",
        request.caller_name(),
        request.at.strftime("%F %H:%M UTC"),
        request.reason
    )
}

/// Returns the pause and the silence of a target, by tag and by request.
pub fn list_notes(tagged: &Tagged, state: &TargetState, now: Timestamp) -> Vec<Entry> {
    let requests = &state.requests;
    let requested = requests
        .list_pauses(now)
        .chain(requests.list_silences(now))
        .map(describe_request);
    let is_paused = policy::parse_managed(&tagged.tags) == Ok(Managed::Paused);
    let paused = is_paused.then(|| format!("paused by {}", policy::MANAGED));
    paused
        .into_iter()
        .chain(requested)
        .chain(describe_silence(tagged, now))
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
    let load_balancers = inputs.services.iter().flat_map(|(tagged, state)| {
        let certificates = state.certificates.iter().map(|record| &record.certificate);
        certificates
            .filter_map(|certificate| describe_listener_certificate(tagged, certificate, now))
    });
    certificates.chain(load_balancers).chain(silences).collect()
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

/// Describes a certificate of a load balancer that expires soon. One that ACM renews is left out until its last days,
/// in which `certificates` reports it.
fn describe_listener_certificate(
    tagged: &Tagged,
    certificate: &Certificate,
    now: Timestamp,
) -> Option<Entry> {
    let warning = match certificate.renewal {
        Renewal::Automatic => LAST_DAYS,
        Renewal::Imported
        | Renewal::Ineligible
        | Renewal::PendingValidation(_)
        | Renewal::Failed(_)
        | Renewal::StoredInIam => CERTIFICATE_WARNING,
    };
    let until = certificate
        .expires_at
        .filter(|until| until.duration_since(now) < warning)?;
    let text = format!(
        "the certificate of {} on its load balancer expires on {}",
        certificate.domain,
        until.strftime("%F")
    );
    Some(Entry::new(tagged, text))
}

fn describe_silence_end(tagged: &Tagged, now: Timestamp) -> Option<Entry> {
    let until = policy::parse_silence(&tagged.tags).ok().flatten()?;
    let ends_soon = until > now && until.duration_since(now) < ONE_DAY;
    ends_soon.then(|| {
        let text = format!("the silence ends on {}", until.strftime("%F %H:%M UTC"));
        Entry::new(tagged, text)
    })
}
