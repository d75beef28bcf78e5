//! Classifies events of RDS, Aurora and DocumentDB. The event number decides the severity: neither
//! the category nor the text states it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html>,
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html>

use lamplighter::notify::Severity;

/// Events after which the database is unavailable, or will be soon.
#[rustfmt::skip]
const CRITICAL: [u16; 11] = [
    7, 31, 35, 36, 69, 221, 227, 239, 243, 418, 419,
];

/// Events that report a failure or an imminent one. The category of some of them sounds harmless.
#[rustfmt::skip]
const WARNING: [u16; 78] = [
    22, 45, 57, 58, 66, 76, 77, 79, 80, 81, 82, 83, 84, 85, 86, 89, 143, 152, 157, 158, 159, 162, 165, 187, 188,
    189, 195, 198, 202, 222, 223, 224, 225, 231, 234, 237, 245, 249, 252, 254, 261, 270, 275, 277, 278, 279,
    280, 281, 282, 283, 284, 285, 305, 306, 310, 314, 315, 324, 327, 328, 329, 330, 331, 353, 354, 355, 356,
    358, 369, 387, 389, 403, 404, 412, 416, 421, 484, 489,
];

/// Events that report a short interruption, a recovery, or that a person stopped, started or
/// deleted the database.
#[rustfmt::skip]
const INFORMATIONAL: [u16; 26] = [
    3, 4, 6, 13, 15, 20, 21, 34, 49, 50, 51, 52, 53, 65, 70, 71, 72, 73, 87, 88, 150, 151, 153, 154, 171, 420,
];

/// Routine events, which are not reported.
#[rustfmt::skip]
const ROUTINE: [u16; 208] = [
    1, 2, 5, 11, 12, 14, 16, 17, 18, 19, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 37, 38, 39, 40, 41, 42, 43, 44,
    46, 47, 48, 54, 55, 56, 59, 60, 61, 62, 63, 64, 67, 68, 74, 75, 78, 90, 91, 92, 131, 132, 141, 142, 144,
    145, 146, 147, 148, 149, 155, 156, 160, 161, 163, 164, 166, 167, 168, 169, 170, 172, 173, 174, 176, 177,
    178, 179, 180, 181, 182, 183, 184, 185, 186, 190, 191, 192, 193, 194, 196, 197, 203, 204, 205, 206, 207,
    208, 213, 214, 215, 217, 218, 219, 220, 230, 233, 235, 236, 238, 240, 241, 244, 246, 247, 248, 250, 251,
    253, 259, 260, 264, 265, 266, 267, 268, 269, 286, 287, 288, 289, 290, 295, 296, 297, 298, 302, 303, 304,
    307, 308, 311, 312, 316, 317, 318, 319, 320, 321, 322, 323, 325, 326, 332, 333, 334, 335, 352, 357, 359,
    360, 361, 362, 363, 365, 366, 367, 368, 370, 371, 372, 373, 374, 383, 385, 386, 388, 390, 391, 394, 395,
    396, 397, 398, 399, 405, 406, 409, 410, 411, 413, 414, 415, 417, 422, 423, 424, 425, 426, 429, 486, 487,
    488, 491, 492, 493, 501, 502, 512, 513,
];

/// Critical events that leave the database serving for now, or are not about a database.
const STILL_SERVING: [u16; 3] = [227, 239, 243];

/// Events after which the database runs again (restarted, started, recovered, failed over, key
/// restored) or is deleted.
#[rustfmt::skip]
const RECOVERED: [u16; 12] = [
    3, 6, 21, 49, 51, 53, 65, 71, 88, 151, 171, 420,
];

/// The effect of an event on the availability of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvailabilityChange {
    Down,
    Recovered,
    Unchanged,
}

/// Returns whether an event makes a database unavailable or reports its recovery.
#[must_use]
pub fn availability_change(event_id: Option<&str>) -> AvailabilityChange {
    match event_number(event_id) {
        Some(number) if CRITICAL.contains(&number) && !STILL_SERVING.contains(&number) => {
            AvailabilityChange::Down
        }
        Some(number) if RECOVERED.contains(&number) => AvailabilityChange::Recovered,
        Some(_) | None => AvailabilityChange::Unchanged,
    }
}

fn event_number(event_id: Option<&str>) -> Option<u16> {
    event_id?.rsplit('-').next()?.parse().ok()
}

/// Categories in which an unknown event number counts as a warning.
const FAILURE_CATEGORIES: [&str; 4] = ["failure", "low storage", "availability", "global failover"];

/// Returns the severity of an event; `None` if it is routine. An unknown or missing number is
/// classified by its categories.
#[must_use]
pub fn event_severity(event_id: Option<&str>, categories: &[String]) -> Option<Severity> {
    match event_number(event_id) {
        Some(number) if ROUTINE.contains(&number) => None,
        Some(number) if CRITICAL.contains(&number) => Some(Severity::Critical),
        Some(number) if WARNING.contains(&number) => Some(Severity::Warning),
        Some(number) if INFORMATIONAL.contains(&number) => Some(Severity::Info),
        Some(_) | None => Some(category_severity(categories)),
    }
}

fn category_severity(categories: &[String]) -> Severity {
    let is_failure = categories
        .iter()
        .any(|category| FAILURE_CATEGORIES.contains(&category.as_str()));
    if is_failure {
        Severity::Warning
    } else {
        Severity::Info
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::storage_full_is_in_availability(
        "RDS-EVENT-0221",
        "availability",
        Some(Severity::Critical)
    )]
    #[case::restored_key_is_in_failure("RDS-EVENT-0420", "failure", Some(Severity::Info))]
    #[case::stop_failed_is_a_notification(
        "RDS-EVENT-0152",
        "notification",
        Some(Severity::Warning)
    )]
    #[case::failover_completed("RDS-EVENT-0049", "failover", Some(Severity::Info))]
    #[case::backup_finished("RDS-EVENT-0002", "backup", None)]
    #[case::unknown_failure("RDS-EVENT-9998", "failure", Some(Severity::Warning))]
    #[case::unknown_notification("RDS-EVENT-9999", "notification", Some(Severity::Info))]
    fn the_event_number_decides_the_severity(
        #[case] id: &str,
        #[case] category: &str,
        #[case] expected: Option<Severity>,
    ) {
        assert_eq!(event_severity(Some(id), &[category.to_owned()]), expected);
    }

    #[test]
    fn without_a_number_the_category_decides_the_severity() {
        assert_eq!(
            event_severity(None, &["failure".to_owned()]),
            Some(Severity::Warning)
        );
        assert_eq!(event_severity(None, &[]), Some(Severity::Info));
    }

    #[test]
    fn a_recovery_is_informational_and_changes_the_availability() {
        assert!(
            RECOVERED
                .iter()
                .all(|number| INFORMATIONAL.contains(number))
        );
        assert_eq!(
            availability_change(Some("RDS-EVENT-0221")),
            AvailabilityChange::Down
        );
        assert_eq!(
            availability_change(Some("RDS-EVENT-0227")),
            AvailabilityChange::Unchanged
        );
        assert_eq!(
            (
                availability_change(Some("RDS-EVENT-0088")),
                availability_change(Some("RDS-EVENT-0003"))
            ),
            (AvailabilityChange::Recovered, AvailabilityChange::Recovered)
        );
        assert_eq!(
            (
                availability_change(Some("RDS-EVENT-0001")),
                availability_change(None)
            ),
            (AvailabilityChange::Unchanged, AvailabilityChange::Unchanged)
        );
    }

    #[test]
    fn no_number_is_in_two_lists() {
        let mut all = [
            &CRITICAL[..],
            &WARNING[..],
            &INFORMATIONAL[..],
            &ROUTINE[..],
        ]
        .concat();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
