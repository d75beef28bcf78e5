//! Tests of keys, continuations and the tags without a file of their own.

use super::*;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn an_unknown_key_is_reported_with_a_suggestion() {
    let tags = tags(&[
        ("lamplighter:depoly", "tag=latest"),
        ("lamplighter:schedule.2", ""),
        ("team", "a"),
    ]);
    let errors: Vec<String> = find_unknown_tags(&tags).map(|e| e.to_string()).collect();
    assert_eq!(
        errors,
        [
            "tag lamplighter:depoly = \"tag=latest\": is not a Lamplighter tag; did you mean lamplighter:deploy?"
        ]
    );
}

#[test]
fn a_long_tag_is_continued_in_the_order_of_the_numbers() {
    let long = tags(&[
        ("lamplighter:deploy", "tag=RC_x.x.x"),
        ("lamplighter:deploy.10", "bake=10m"),
        ("lamplighter:deploy.2", "repo=shop/web "),
    ]);
    assert_eq!(
        join_continuations(&long, DEPLOY).as_deref(),
        Some("tag=RC_x.x.x repo=shop/web bake=10m")
    );
    let policy = DeployPolicy::from_tags(&long).unwrap().unwrap();
    assert_eq!(
        (policy.repo.unwrap().name.as_str(), policy.bake),
        ("shop/web", 600)
    );
    assert_eq!(find_unknown_tags(&long).count(), 0);
    let error = DeployPolicy::from_tags(&tags(&[
        ("lamplighter:deploy", "tag=RC_x.x.x"),
        ("lamplighter:deploy.2", "tag=latest"),
    ]));
    assert_eq!(error.unwrap_err().problem, "tag= is given twice");
}

#[test]
fn a_continuation_of_a_missing_tag_is_reported() {
    let alone = tags(&[("lamplighter:deploy.2", "bake=10m")]);
    assert_eq!(DeployPolicy::from_tags(&alone), Ok(None));
    let errors: Vec<String> = find_unknown_tags(&alone).map(|e| e.problem).collect();
    assert_eq!(
        errors,
        ["continues the tag lamplighter:deploy, which is missing"]
    );
}

#[test]
fn a_key_with_nearly_our_prefix_is_recognized() {
    for (key, meant) in [
        ("Lamplighter:deploy", Some(DEPLOY)),
        ("lamplighter-deploy", Some(DEPLOY)),
        ("lamplighter/managed", Some(MANAGED)),
        ("lampligther:backup", Some(BACKUP)),
        ("LAMPLIGHTER_Schedule.2", Some(SCHEDULE)),
        ("lamplighter-owner", None),
        ("lamplighter:depoly", None),
        ("team", None),
        ("deploy", None),
    ] {
        assert_eq!(find_meant_key(key), meant, "{key}");
    }
}

#[test]
fn managed_accepts_three_values() {
    assert_eq!(
        parse_managed(&tags(&[(MANAGED, "observe")])),
        Ok(Managed::Observe)
    );
    assert_eq!(
        parse_managed(&tags(&[(MANAGED, "yes")]))
            .unwrap_err()
            .to_string(),
        "tag lamplighter:managed = \"yes\": is not one of true, observe, paused; for example: true"
    );
}

#[test]
fn a_schedule_has_continuations_and_one_invalid_window_rejects_it() {
    let night = ("lamplighter:schedule.2", "sat 02:00-04:00 UTC min=3");
    let windows = parse_schedule(&tags(&[
        (SCHEDULE, "mon-fri 05:00-10:00 Europe/Rome min=6"),
        night,
    ]))
    .unwrap();
    assert_eq!(
        windows.iter().map(|window| window.min).collect::<Vec<_>>(),
        [Some(6), Some(3)]
    );
    let error = parse_schedule(&tags(&[night, ("lamplighter:schedule.3", "daily")])).unwrap_err();
    assert_eq!(error.tag, "lamplighter:schedule.3");
}

#[test]
fn silence_ends_at_a_time() {
    let until = parse_silence(&tags(&[(SILENCE, "until=2026-12-01T08:00Z")]))
        .unwrap()
        .unwrap();
    assert_eq!(until.to_string(), "2026-12-01T08:00:00Z");
    assert!(parse_silence(&tags(&[(SILENCE, "until=tomorrow")])).is_err());
    assert!(parse_silence(&tags(&[(SILENCE, "2026-12-01T08:00Z")])).is_err());
}
