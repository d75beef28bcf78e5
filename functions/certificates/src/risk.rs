//! When a certificate is reported.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Certificate, Renewal};

/// How near the end of a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Its end is unknown, and nothing renews it.
    Unknown,
    /// It expires within this number of days, which is 30, 14 or 3.
    ExpiresWithin(u8),
    Expired,
}

/// The days before the end at which a certificate is reported, nearest first.
const REPORTED_DAYS: [u8; 3] = [3, 14, 30];

impl Risk {
    /// Assesses a certificate; `None` if it is renewed in time or its end is far.
    ///
    /// ACM begins a renewal weeks ahead, so that one which goes on is reported from the last days on.
    #[must_use]
    pub fn assess(certificate: &Certificate, now: Timestamp) -> Option<Self> {
        let days: &[u8] = match &certificate.renewal {
            Renewal::StoredInIam => return Some(Self::Unknown),
            Renewal::Automatic => &REPORTED_DAYS[..1],
            Renewal::Imported
            | Renewal::Ineligible
            | Renewal::PendingValidation(_)
            | Renewal::Failed(_) => &REPORTED_DAYS,
        };
        let left = certificate.expires_at?.duration_since(now);
        if !left.is_positive() {
            return Some(Self::Expired);
        }
        days.iter()
            .find(|days| left <= SignedDuration::from_hours(24 * i64::from(**days)))
            .map(|days| Self::ExpiresWithin(*days))
    }

    /// Returns the name of this risk in the key of its notification.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Self::Unknown => "unknown".to_owned(),
            Self::ExpiresWithin(days) => days.to_string(),
            Self::Expired => "expired".to_owned(),
        }
    }
}
