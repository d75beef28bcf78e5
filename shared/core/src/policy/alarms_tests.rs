//! Tests of the tag of alarms.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn parse(value: &str, scale: Option<&str>) -> Result<AlarmPolicy, TagError> {
    let mut tags = Tags::from([(ALARMS.to_owned(), value.to_owned())]);
    tags.extend(scale.map(|scale| ("lamplighter:scale".to_owned(), scale.to_owned())));
    AlarmPolicy::from_tags(&tags, &StackDefaults::default())
}

#[rstest]
#[case("errors=2", AlarmKind::Errors, 2.0)]
#[case("errors=0.5", AlarmKind::Errors, 0.5)]
#[case("latency=800ms", AlarmKind::Latency, 0.8)]
#[case("lag=1m", AlarmKind::ReplicaLag, 60.0)]
#[case("free-memory=512", AlarmKind::FreeMemory, 512.0)]
fn a_bound_has_the_unit_of_its_key(
    #[case] value: &str,
    #[case] kind: AlarmKind,
    #[case] bound: f64,
) {
    assert_eq!(parse(value, None).unwrap().bound(kind), Some(bound));
}

#[rstest]
#[case("erors=2", None, "unknown key \"erors\", did you mean \"errors\"?")]
#[case("errors=0", None, "errors=0 is not a percentage from 0.1 to 100")]
#[case("errors=NaN", None, "errors=NaN is not a percentage from 0.1 to 100")]
#[case("latency=800", None, "latency=800 is not a time from 1ms to 10m")]
#[case("latency=11m", None, "latency=11m is not a time from 1ms to 10m")]
#[case(
    "off=cpu-peek",
    None,
    "off=cpu-peek is no kind of alarm, did you mean \"cpu-peak\"?"
)]
#[case("off=", None, "off= has no value")]
#[case(
    "cpu=95",
    Some("max=4"),
    "the alarm cpu-peak starts the scaling, so its bound is cpu= in lamplighter:scale"
)]
#[case(
    "off=errors-5xx+requests",
    Some("max=4 rps=10"),
    "off=requests would stop the scaling, which starts from this alarm"
)]
#[case(
    "memory=95",
    Some("max=4 memory=80"),
    "the alarm memory-peak starts the scaling, so its bound is memory= in lamplighter:scale"
)]
fn an_error_names_the_problem(
    #[case] value: &str,
    #[case] scale: Option<&str>,
    #[case] problem: &str,
) {
    let error = parse(value, scale).unwrap_err();
    assert!(error.problem.starts_with(problem), "{}", error.problem);
}

#[test]
fn what_scaling_ignores_may_be_off() {
    let policy = parse("off=memory-peak+requests", Some("max=4 rps=off")).unwrap();
    assert!(policy.is_off(AlarmKind::Memory) && policy.is_off(AlarmKind::Requests));
    assert!(!policy.is_off(AlarmKind::Cpu));
}

#[test]
fn each_key_is_in_the_reference_and_sets_one_kind() {
    let known: BTreeSet<&str> = ALARMS_TAG.keys().collect();
    let own: BTreeSet<&str> = KEYS
        .iter()
        .map(|(key, _, _)| *key)
        .chain(["off", "errors-count"])
        .collect();
    assert_eq!(known, own);
    let kinds: BTreeSet<AlarmKind> = KEYS.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(kinds.len(), KEYS.len());
}

#[rstest]
#[case(AlarmKind::Errors, 5.0, Some("errors=5"))]
#[case(AlarmKind::Latency, 1.5, Some("latency=1500ms"))]
#[case::too_small(AlarmKind::Errors, 0.02, None)]
#[case::too_precise(AlarmKind::Errors, 2.25, None)]
#[case::no_key(AlarmKind::Requests, 600.0, None)]
fn a_bound_is_written_only_if_the_tag_can_say_it(
    #[case] kind: AlarmKind,
    #[case] bound: f64,
    #[case] expected: Option<&str>,
) {
    assert_eq!(format_bound(kind, bound).as_deref(), expected);
}

proptest! {
    /// What a message advises to write into the tag is read as the same bound.
    #[test]
    fn a_written_bound_is_read_again(place in 0..KEYS.len(), number in 1_u32..1_000) {
        let (_, kind, unit) = KEYS[place];
        let number = f64::from(number);
        let bound = match unit {
            Unit::Percent => number / 10.0,
            Unit::Count | Unit::Mebibytes => number,
            Unit::Time => number / 1_000.0,
        };
        let text = format_bound(kind, bound).unwrap();
        let read = parse(&text, None).unwrap().bound(kind).unwrap();
        prop_assert!((read - bound).abs() < 1e-9, "{text}: {read} for {bound}");
    }
}
