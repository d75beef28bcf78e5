//! The names of Lamplighter's alarms.

use super::{Arn, short_hash};

/// Name prefix of all Lamplighter alarms.
pub const ALARM_PREFIX: &str = "lamplighter/";
/// The longest prefix of a target that leaves room for every kind.
/// Source: AlarmName of <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
const LONGEST_PREFIX: usize = 255 - 24;
/// Characters of cluster and of service in a name that would be too long.
const SHORTENED: usize = 95;

/// Returns the prefix of a target's alarm names: `lamplighter/shop/web/` for a service, `lamplighter/db:orders/` for a
/// database, `None` for anything else. The two can't collide, because a cluster name has no colon.
///
/// Names that would be too long are cut and end in a hash: `lamplighter/shop…/web…~0123456789abcdef/`.
#[must_use]
pub fn alarm_prefix(target: &Arn) -> Option<String> {
    let Some((cluster, name)) = target.ecs_cluster_and_name() else {
        return target
            .database_kind()
            .is_some()
            .then(|| format!("{ALARM_PREFIX}{}/", target.resource()));
    };
    let prefix = format!("{ALARM_PREFIX}{cluster}/{name}/");
    if prefix.len() <= LONGEST_PREFIX {
        return Some(prefix);
    }
    let hash = short_hash(&prefix);
    let cut = |text: &str| -> String { text.chars().take(SHORTENED).collect() };
    Some(format!(
        "{ALARM_PREFIX}{}/{}~{hash}/",
        cut(cluster),
        cut(name)
    ))
}

/// Splits the name of an alarm into the prefix of its target and its kind: `lamplighter/shop/web/` and `cpu-peak`.
#[must_use]
pub fn split_alarm_kind(name: &str) -> Option<(&str, &str)> {
    let (_, kind) = name.strip_prefix(ALARM_PREFIX)?.rsplit_once('/')?;
    name.split_at_checked(name.len() - kind.len())
}

/// Splits the name of an alarm that `enroll` created into its service and its kind.
///
/// `lamplighter/shop/web/cpu-peak` becomes `((shop, web), cpu-peak)`. Returns `None` for other names, and for those that
/// were cut.
#[must_use]
pub fn split_alarm_name(name: &str) -> Option<((&str, &str), &str)> {
    let parts: Vec<&str> = name.strip_prefix(ALARM_PREFIX)?.split('/').collect();
    let [cluster, service, kind] = parts[..] else {
        return None;
    };
    (!service.contains('~')).then_some(((cluster, service), kind))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::model::AlarmKind;

    fn service(cluster: &str, name: &str) -> Arn {
        Arn::new(format!(
            "arn:aws:ecs:eu-west-1:123456789012:service/{cluster}/{name}"
        ))
    }

    #[rstest]
    #[case(
        "lamplighter/shop/web/cpu-peak",
        Some((("shop", "web"), "cpu-peak")),
        Some(("lamplighter/shop/web/", "cpu-peak"))
    )]
    #[case("lamplighter/db:orders/cpu-peak", None, Some(("lamplighter/db:orders/", "cpu-peak")))]
    #[case("shop/web/cpu-peak", None, None)]
    #[case("lamplighter/odd", None, None)]
    fn a_name_has_a_target_and_a_kind(
        #[case] name: &str,
        #[case] service: Option<((&str, &str), &str)>,
        #[case] prefix: Option<(&str, &str)>,
    ) {
        assert_eq!(split_alarm_name(name), service);
        assert_eq!(split_alarm_kind(name), prefix);
    }

    #[test]
    fn long_names_that_differ_at_the_end_stay_different() {
        let long = "a".repeat(254);
        let prefixes: BTreeSet<String> = ["b", "c"]
            .iter()
            .filter_map(|last| alarm_prefix(&service(&long, &format!("{long}{last}"))))
            .collect();
        assert_eq!(prefixes.len(), 2);
        assert!(prefixes.iter().all(|prefix| {
            split_alarm_name(&format!("{prefix}cpu-peak")).is_none()
                && split_alarm_kind(&format!("{prefix}cpu-peak")) == Some((prefix, "cpu-peak"))
        }));
    }

    proptest! {
        #[test]
        fn every_alarm_name_is_short_enough(cluster in "[a-zA-Z0-9_-]{1,255}", name in "[a-zA-Z0-9_-]{1,255}") {
            let prefix = alarm_prefix(&service(&cluster, &name)).unwrap();
            for kind in AlarmKind::ALL {
                let full = format!("{prefix}{}", kind.name());
                prop_assert!(full.len() <= 255, "{full}");
            }
        }
    }
}
