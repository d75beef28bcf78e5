//! Tests of the vault's decision, and what holds against whoever owns the source account.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::tag_keys::{EXPIRED, HOLD, TAKEN};
use lamplighter::model::{Arn, DatabaseKind, Snapshot};
use proptest::prelude::*;
use rstest::rstest;

use crate::{Rules, Settings, Verdict, WAITS_FOR, bound_times, decide};

const BEGINNING: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn days(days: i64) -> SignedDuration {
    HOUR * i32::try_from(24 * days).unwrap()
}

fn rules(keep: &str, least_days: i64) -> Rules {
    Rules {
        keep: keep.parse().unwrap(),
        least_age: days(least_days),
    }
}

/// A good copy of `orders`, made as many days after the beginning.
fn copy(day: i64) -> Snapshot {
    let made_at = BEGINNING + days(day);
    let identifier = format!("lamplighter-orders-{day}");
    Snapshot {
        arn: Arn::new(format!(
            "arn:aws:rds:eu-west-1:345678901234:snapshot:{identifier}"
        )),
        identifier,
        database: "orders".into(),
        kind: DatabaseKind::Instance,
        status: "available".into(),
        taken_at: Some(made_at),
        made_at: Some(made_at),
        resource_id: "db-ORDERS".into(),
        ..Snapshot::default()
    }
}

fn with_tag(mut copy: Snapshot, key: &str, value: &str) -> Snapshot {
    copy.tags.insert(key.to_owned(), value.to_owned());
    copy
}

/// The verdicts about copies, by day.
fn verdicts(copies: &[Snapshot], rules: &Rules, day: i64) -> Vec<Verdict> {
    let decided = decide(copies, rules, BEGINNING + days(day));
    decided.into_iter().map(|(_, verdict)| verdict).collect()
}

#[test]
fn a_copy_beyond_the_policy_is_marked_waits_a_day_and_goes() {
    let rules = rules("2d", 4);
    let copies = [copy(0), copy(10), copy(11)];
    assert_eq!(verdicts(&copies, &rules, 11)[0], Verdict::Mark);
    let mark =
        |at: SignedDuration| with_tag(copy(0), EXPIRED, &(BEGINNING + days(11) - at).to_string());
    let marked = [mark(HOUR), copy(10), copy(11)];
    assert_eq!(verdicts(&marked, &rules, 11)[0], Verdict::Wait);
    let marked = [mark(WAITS_FOR), copy(10), copy(11)];
    assert_eq!(
        verdicts(&marked, &rules, 11)[0],
        Verdict::Delete("newer copies fill 2d".into())
    );
}

#[test]
fn a_policy_that_is_corrected_keeps_what_waits() {
    let marked = with_tag(copy(0), EXPIRED, &(BEGINNING + days(10)).to_string());
    let copies = [marked, copy(10), copy(11)];
    let verdict = &verdicts(&copies, &rules("7d", 4), 12)[0];
    assert!(matches!(verdict, Verdict::Unmark(_)), "{verdict:?}");
}

#[rstest]
#[case::young(copy(9), "younger than the least age")]
#[case::held(with_tag(copy(0), HOLD, "true"), "held by lamplighter:hold")]
#[case::of_unknown_age(Snapshot { made_at: None, ..copy(0) }, "of unknown age")]
#[case::running(Snapshot { status: "creating".into(), ..copy(12) }, "creating")]
#[case::another_database(Snapshot { resource_id: "db-AGAIN".into(), ..copy(0) }, "day 2026-11-21, newest copy")]
fn what_stays(#[case] old: Snapshot, #[case] reason: &str) {
    let copies = [old, copy(10), copy(11)];
    let verdict = &verdicts(&copies, &rules("1d", 4), 12)[0];
    assert_eq!(*verdict, Verdict::Keep(reason.into()));
}

/// Also a held one: it holds no data, and while it is there, its snapshot is not copied again.
#[rstest]
#[case::failed("failed", 0, Verdict::Keep("failed".into()))]
#[case::failed_for_a_day("failed", 1, Verdict::Delete("failed for 24 h".into()))]
#[case::running("copying", 0, Verdict::Keep("copying".into()))]
#[case::stuck("copying", 1, Verdict::Delete("copying for 24 h".into()))]
#[case::of_another_state("incompatible-restore", 30, Verdict::Keep("incompatible-restore".into()))]
fn a_copy_without_data_makes_room_for_the_next_attempt(
    #[case] status: &str,
    #[case] day: i64,
    #[case] expected: Verdict,
) {
    let mut failed = with_tag(copy(0), HOLD, "true");
    failed.status = status.into();
    assert_eq!(verdicts(&[failed], &rules("7d", 14), day), [expected]);
}

#[rstest]
#[case::from_the_source(
    Some("arn:aws:rds:eu-west-1:123456789012:snapshot:lamplighter-orders"),
    true
)]
#[case::from_another_account(
    Some("arn:aws:rds:eu-west-1:210987654321:snapshot:lamplighter-orders"),
    false
)]
#[case::made_here(None, false)]
fn only_what_aws_copied_from_the_source_is_the_vaults(
    #[case] copied_from: Option<&str>,
    #[case] expected: bool,
) {
    let document =
        r#"{"stack": "vault", "source": "123456789012", "keep": "7d", "least_age_days": 14}"#;
    let snapshot = Snapshot {
        copied_from: copied_from.map(Arn::new),
        ..copy(0)
    };
    assert_eq!(
        Settings::parse(document).unwrap().is_copy(&snapshot),
        expected
    );
}

/// When nothing new arrives, nothing goes: a source that is taken over or closed has stopped its backups.
#[test]
fn what_is_left_stays_when_the_source_stops() {
    let copies: Vec<Snapshot> = (0..7).map(copy).collect();
    let all = verdicts(&copies, &rules("7d", 4), 1_000);
    assert!(
        all.iter()
            .all(|verdict| matches!(verdict, Verdict::Keep(_))),
        "{all:?}"
    );
}

/// A forged time doesn't hide that nothing new arrives.
#[test]
fn no_copy_is_newer_than_aws_made_it() {
    let mut copies = [Snapshot {
        taken_at: Some(BEGINNING + days(1_000)),
        ..copy(3)
    }];
    bound_times(&mut copies);
    assert_eq!(copies[0].taken_at, copies[0].made_at);
}

#[rstest]
#[case::good(
    r#"{"stack": "vault", "source": "123456789012", "keep": "7d+4w", "least_age_days": 14}"#,
    None
)]
#[case::keep(
    r#"{"stack": "vault", "source": "123456789012", "keep": "7x", "least_age_days": 14}"#,
    Some("Keep")
)]
#[case::age(
    r#"{"stack": "vault", "source": "123456789012", "keep": "7d", "least_age_days": 3}"#,
    Some("LeastAgeDays")
)]
#[case::nothing("", Some("LAMPLIGHTER_VAULT"))]
fn settings_name_the_parameter_that_is_wrong(
    #[case] document: &str,
    #[case] parameter: Option<&str>,
) {
    let problem = Settings::parse(document).err();
    let named = problem.as_ref().map(|problem| problem.parameter.as_str());
    assert_eq!(named, parameter);
}

/// What may happen in an hour.
#[derive(Debug, Clone)]
enum Hour {
    Quiet,
    /// The source copies a backup.
    Honest,
    /// Whoever owns the source puts a copy of anything, with any tags.
    Forged {
        database: &'static str,
        taken_days: i64,
        is_expired: bool,
    },
    /// The vault's policy is changed.
    Keep(&'static str),
}

fn any_hour() -> impl Strategy<Value = Hour> {
    let forged = (
        prop::sample::select(vec!["db-ORDERS", "db-OTHERS"]),
        -30_i64..30,
        any::<bool>(),
    );
    prop_oneof![
        4 => Just(Hour::Quiet),
        3 => Just(Hour::Honest),
        2 => forged.prop_map(|(database, taken_days, is_expired)| Hour::Forged { database, taken_days, is_expired }),
        1 => prop::sample::select(vec!["1d", "3d+1w", "7d"]).prop_map(Hour::Keep),
    ]
}

struct Store {
    copies: BTreeMap<Arn, Snapshot>,
    rules: Rules,
    made: i64,
}

impl Store {
    fn put(&mut self, database: &str, taken_at: Timestamp, now: Timestamp) -> &mut Snapshot {
        self.made += 1;
        let mut made = copy(0);
        made.identifier = format!("lamplighter-{database}-{}", self.made);
        made.arn = Arn::new(format!("arn:aws:rds:eu-west-1:1:snapshot:{}", self.made));
        made.resource_id = database.to_owned();
        (made.taken_at, made.made_at) = (Some(taken_at), Some(now));
        self.copies.entry(made.arn.clone()).or_insert(made)
    }

    fn happen(&mut self, hour: &Hour, now: Timestamp) {
        match hour {
            Hour::Quiet => {}
            Hour::Honest => {
                self.put("db-ORDERS", now, now);
            }
            Hour::Forged {
                database,
                taken_days,
                is_expired,
            } => {
                let taken_at = now + days(*taken_days);
                let forged = self.put(database, taken_at, now);
                forged.tags.insert(TAKEN.into(), taken_at.to_string());
                if *is_expired {
                    forged.tags.insert(EXPIRED.into(), BEGINNING.to_string());
                }
            }
            Hour::Keep(keep) => self.rules.keep = keep.parse().unwrap(),
        }
    }

    /// Rotates once. Returns what is deleted.
    fn rotate(&mut self, now: Timestamp) -> Vec<Snapshot> {
        let mut all: Vec<Snapshot> = self.copies.values().cloned().collect();
        bound_times(&mut all);
        let mut deleted = Vec::new();
        for (copy, verdict) in decide(&all, &self.rules, now) {
            let mut tags = copy.tags.clone();
            match verdict {
                Verdict::Keep(_) | Verdict::Wait => {}
                Verdict::Unmark(_) => drop(tags.remove(EXPIRED)),
                Verdict::Mark => drop(tags.insert(EXPIRED.into(), now.to_string())),
                Verdict::Delete(_) => {
                    deleted.extend(self.copies.remove(&copy.arn));
                    continue;
                }
            }
            if let Some(known) = self.copies.get_mut(&copy.arn) {
                known.tags = tags;
            }
        }
        deleted
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the source account puts here, and whatever happens to the policy: no copy goes before the least age, none of the
    /// source's own goes within a day of the notice that it has expired, and the newest of each database stays.
    #[test]
    fn nothing_goes_before_the_least_age(hours in prop::collection::vec(any_hour(), 1..400)) {
        let mut store = Store { copies: BTreeMap::new(), rules: rules("3d+1w", 4), made: 0 };
        for (n, hour) in (1_i32..).zip(&hours) {
            let now = BEGINNING + HOUR * n * 3;
            store.happen(hour, now);
            for gone in store.rotate(now) {
                let age = now.duration_since(gone.made_at.unwrap());
                prop_assert!(age >= store.rules.least_age, "{gone:?}");
                let is_forged = gone.tags.contains_key(TAKEN);
                let since: Timestamp = gone.tags[EXPIRED].parse().unwrap();
                prop_assert!(is_forged || now.duration_since(since) >= WAITS_FOR);
                let rest = store.copies.values();
                let others = rest.filter(|rest| rest.resource_id == gone.resource_id);
                prop_assert!(others.count() > 0, "the last of {}", gone.resource_id);
            }
        }
    }
}
