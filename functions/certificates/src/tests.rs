//! When certificates are reported, and every message as people read it.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Certificate, PendingDomain, Renewal};
use lamplighter::notify::Severity;
use lamplighter::state::RecordedCertificate;
use rstest::rstest;

use crate::messages;
use crate::risk::Risk;
use crate::{Observed, SharedCertificate, decide};

const ARN: &str =
    "arn:aws:acm:eu-west-1:123456789012:certificate/0f1e2d3c-1111-4222-8333-444455556666";

fn now() -> Timestamp {
    "2026-11-21T05:20:00Z".parse().unwrap()
}

/// Returns a certificate that expires after this time.
fn certificate(renewal: Renewal, left: SignedDuration) -> Certificate {
    Certificate {
        arn: Arn::new(ARN),
        domain: "www.shop.example".to_owned(),
        load_balancers: vec![
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210".to_owned(),
        ],
        expires_at: Some(now() + left),
        renewal,
    }
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn pending(names: &[&str]) -> Renewal {
    Renewal::PendingValidation(
        names
            .iter()
            .map(|name| PendingDomain {
                name: (*name).to_owned(),
                record: Some((
                    format!("_a1b2.{name}."),
                    "_c3d4.acm-validations.aws.".to_owned(),
                )),
            })
            .collect(),
    )
}

fn by_mail() -> Renewal {
    Renewal::PendingValidation(vec![PendingDomain {
        name: "shop.example".to_owned(),
        record: None,
    }])
}

fn shared(certificate: Certificate) -> SharedCertificate {
    SharedCertificate {
        certificate,
        services: vec!["shop/api".to_owned(), "shop/web".to_owned()],
    }
}

#[rstest]
#[case::far(Renewal::Imported, days(31), None)]
#[case::just_before(Renewal::Imported, days(30) + SignedDuration::from_secs(1), None)]
#[case::month(Renewal::Imported, days(30), Some(Risk::ExpiresWithin(30)))]
#[case::fortnight(Renewal::Imported, days(14), Some(Risk::ExpiresWithin(14)))]
#[case::last_days(Renewal::Imported, days(3), Some(Risk::ExpiresWithin(3)))]
#[case::over(Renewal::Imported, days(0), Some(Risk::Expired))]
#[case::pending(pending(&["a.example"]), days(15), Some(Risk::ExpiresWithin(30)))]
#[case::failed(Renewal::Failed("CAA_ERROR".into()), days(2), Some(Risk::ExpiresWithin(3)))]
#[case::ineligible(Renewal::Ineligible, days(20), Some(Risk::ExpiresWithin(30)))]
#[case::renews_itself(Renewal::Automatic, days(4), None)]
#[case::overdue(Renewal::Automatic, days(2), Some(Risk::ExpiresWithin(3)))]
#[case::never_renewed(Renewal::Automatic, days(-1), Some(Risk::Expired))]
#[case::in_iam(Renewal::StoredInIam, days(90), Some(Risk::Unknown))]
fn a_certificate_is_reported_by_its_end_and_its_renewal(
    #[case] renewal: Renewal,
    #[case] left: SignedDuration,
    #[case] risk: Option<Risk>,
) {
    assert_eq!(Risk::assess(&certificate(renewal, left), now()), risk);
}

/// Returns what is decided about a certificate that was recorded before.
fn decide_after(previous: RecordedCertificate, current: Option<Certificate>) -> Vec<String> {
    let observed = Observed {
        at: now(),
        certificates: current.into_iter().map(shared).collect(),
        previous: vec![previous],
        ..Observed::default()
    };
    let plan = decide(&observed, now());
    assert!(plan.is_empty(), "certificates are never changed");
    plan.messages.into_iter().map(|m| m.title).collect()
}

fn recorded(is_at_risk: bool) -> RecordedCertificate {
    RecordedCertificate {
        certificate: certificate(Renewal::Imported, days(20)),
        is_at_risk,
    }
}

#[test]
fn only_what_was_reported_is_resolved() {
    let renewed = certificate(Renewal::Imported, days(365));
    assert_eq!(
        decide_after(recorded(true), Some(renewed.clone())),
        ["certificate of www.shop.example renewed, valid until 2027-11-21"]
    );
    assert!(decide_after(recorded(false), Some(renewed)).is_empty());
    assert_eq!(
        decide_after(recorded(true), None),
        ["certificate of www.shop.example no longer used"]
    );
    let current = recorded(true).certificate;
    assert_eq!(
        decide_after(recorded(true), Some(current)),
        [
            "certificate of www.shop.example expires within 30 days (2026-12-11) - imported, not renewed by ACM"
        ]
    );
}

#[test]
fn each_threshold_has_a_key_of_its_own_and_all_fire_one_condition() {
    let report = |left| {
        let certificate = certificate(Renewal::Imported, left);
        let risk = Risk::assess(&certificate, now()).unwrap();
        messages::at_risk(&shared(certificate), risk)
    };
    let reports = [30, 14, 3, -1].map(|left| report(days(left)));
    let severities = reports.each_ref().map(|report| report.severity);
    assert_eq!(
        severities,
        [
            Severity::Warning,
            Severity::Warning,
            Severity::Critical,
            Severity::Critical
        ]
    );
    let keys: std::collections::BTreeSet<_> = reports.iter().map(|r| r.key.clone()).collect();
    let conditions: std::collections::BTreeSet<_> =
        reports.iter().map(|r| r.fires.clone()).collect();
    assert_eq!((keys.len(), conditions.len()), (4, 1));
}

#[test]
fn every_message() {
    let at = |renewal: Renewal, left: i64| {
        let certificate = certificate(renewal, days(left));
        let risk = Risk::assess(&certificate, now()).unwrap();
        messages::at_risk(&shared(certificate), risk)
    };
    let in_iam = Certificate {
        arn: Arn::new("arn:aws:iam::123456789012:server-certificate/shop-2019"),
        domain: "shop-2019".to_owned(),
        expires_at: None,
        ..certificate(Renewal::StoredInIam, days(0))
    };
    let renewed = certificate(Renewal::Imported, days(365));
    let all = [
        at(Renewal::Imported, 30),
        at(pending(&["www.shop.example"]), 14),
        at(
            pending(&[
                "a.example",
                "b.example",
                "c.example",
                "d.example",
                "e.example",
            ]),
            14,
        ),
        at(by_mail(), 14),
        at(Renewal::Failed("CAA_ERROR".to_owned()), 3),
        at(Renewal::Ineligible, 3),
        at(Renewal::Automatic, 2),
        at(Renewal::Imported, -1),
        messages::at_risk(&shared(in_iam), Risk::Unknown),
        messages::renewed(&renewed),
        messages::no_longer_used(&renewed),
        messages::moved(&renewed, "shop/api"),
    ];
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}
