//! The real `certificates`, in a simulated world: from the first report to the renewal.

use certificates::Certificates;
use e2e::testkit::world::{BEGINNING, Fault, World, sweep};
use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Certificate, Renewal};
use lamplighter::notify::Severity;
use serde_json::json;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const BALANCER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";

fn arn(id: &str) -> Arn {
    Arn::new(format!(
        "arn:aws:acm:eu-west-1:123456789012:certificate/{id}"
    ))
}

/// Puts an imported certificate on the load balancer that all services share.
fn import(world: &World, id: &str, expires_at: Timestamp) {
    let mut state = world.state_mut();
    state.certificates.retain(|known| known.arn != arn(id));
    state.certificates.push(Certificate {
        arn: arn(id),
        domain: format!("{id}.shop.example"),
        load_balancers: vec![BALANCER.to_owned()],
        expires_at: Some(expires_at),
        renewal: Renewal::Imported,
    });
}

/// Runs the daily sweep on each of these days.
fn days(world: &World, count: u32) {
    for _ in 0..count {
        world.sweep(&Certificates).unwrap().unwrap();
        world.advance(DAY);
    }
}

/// Returns the titles of all distinct reports in order; `alert` sends each once while it fires.
fn reports(world: &World) -> Vec<String> {
    let mut titles: Vec<String> = Vec::new();
    for title in world.titles() {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles
}

#[test]
fn a_certificate_is_reported_at_three_thresholds_and_resolved_once_renewed() {
    let world = World::new();
    world.scaled("web", "");
    import(&world, "www", BEGINNING + DAY * 40);
    days(&world, 38);
    assert_eq!(
        reports(&world),
        [
            "certificate of www.shop.example expires within 30 days (2026-12-31) - imported, not renewed by ACM",
            "certificate of www.shop.example expires within 14 days (2026-12-31) - imported, not renewed by ACM",
            "certificate of www.shop.example expires within 3 days (2026-12-31) - imported, not renewed by ACM",
        ]
    );
    import(&world, "www", BEGINNING + DAY * 400);
    days(&world, 1);
    let state = world.state();
    let last = state.notices.last().unwrap();
    assert_eq!(
        last.message.title,
        "certificate of www.shop.example renewed, valid until 2027-12-26"
    );
    assert_eq!(
        (last.message.severity, last.message.clears.as_deref()),
        (Severity::Info, Some("certificate:www"))
    );
    drop(state);
    let before = world.titles().len();
    days(&world, 3);
    assert_eq!(world.titles().len(), before, "nothing is left to report");
}

#[test]
fn a_certificate_that_services_share_is_reported_once_and_follows_its_services() {
    let world = World::new();
    let web = world.scaled("web", "");
    world.scaled("zoo", "");
    import(&world, "www", BEGINNING + DAY * 10);
    days(&world, 1);
    let named = |world: &World| -> Vec<String> {
        let state = world.state();
        state.notices.iter().map(|n| n.name.clone()).collect()
    };
    assert_eq!(named(&world), ["shop/web"]);
    assert!(
        world.state().notices[0]
            .message
            .why
            .contains("Services behind it: shop/web, shop/zoo.")
    );
    // A third service is tagged, and comes first.
    world.scaled("api", "");
    days(&world, 1);
    let moved: Vec<(String, String)> = world
        .state()
        .notices
        .iter()
        .skip(1)
        .map(|n| (n.name.clone(), n.message.title.clone()))
        .collect();
    assert!(
        moved.contains(&(
            "shop/web".to_owned(),
            "certificate of www.shop.example reported for shop/api from now on".to_owned()
        )) && moved
            .iter()
            .any(|(name, title)| name == "shop/api" && title.contains("within 14 days")),
        "{moved:?}"
    );
    assert!(world.state().held[&web].memory.certificates.is_empty());
}

#[test]
fn a_report_withheld_by_a_silence_is_made_up_for() {
    let world = World::new();
    let web = world.scaled("web", "");
    import(&world, "www", BEGINNING + DAY * 20);
    let silence = "lamplighter:silence".to_owned();
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert(silence.clone(), "until=2026-11-24T00:00Z".to_owned());
    days(&world, 2);
    assert!(world.titles().is_empty(), "{:?}", world.titles());
    days(&world, 3);
    assert_eq!(reports(&world).len(), 1, "{:?}", world.titles());
}

#[test]
fn a_paused_service_is_left_alone_and_another_one_reports_its_certificate() {
    let world = World::new();
    let web = world.scaled("web", "");
    world.scaled("zoo", "");
    import(&world, "www", BEGINNING + DAY * 10);
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert("lamplighter:managed".to_owned(), "paused".to_owned());
    days(&world, 1);
    let names: Vec<String> = world
        .state()
        .notices
        .iter()
        .map(|n| n.name.clone())
        .collect();
    assert_eq!(names, ["shop/zoo"]);
}

#[test]
fn an_event_of_acm_reconciles_the_service_of_its_certificate_only() {
    let world = World::new();
    world.scaled("web", "");
    import(&world, "www", BEGINNING + DAY * 10);
    let event = |id: &str, kind: &str| {
        json!({
            "version": "0", "id": "1", "detail-type": kind, "source": "aws.acm", "account": "123456789012",
            "time": "2026-11-21T03:00:00Z", "region": "eu-west-1", "resources": [arn(id).as_str()], "detail": {},
        })
    };
    let approaching = "ACM Certificate Approaching Expiration";
    let answer = world.invoke(&Certificates, event("another", approaching));
    assert_eq!(
        answer.unwrap().unwrap()["targets"][0]["reason"],
        format!(
            "no load balancer of a managed service uses {}",
            arn("another")
        )
    );
    // The same event twice, and one that comes late.
    for _ in 0..2 {
        world
            .invoke(&Certificates, event("www", approaching))
            .unwrap()
            .unwrap();
    }
    assert_eq!(world.titles().len(), 1);
    import(&world, "www", BEGINNING + DAY * 365);
    world
        .invoke(&Certificates, event("www", "ACM Certificate Available"))
        .unwrap()
        .unwrap();
    world
        .invoke(&Certificates, event("www", approaching))
        .unwrap()
        .unwrap();
    assert_eq!(world.titles().len(), 2, "{:?}", world.titles());
}

#[test]
fn a_sweep_that_is_throttled_or_killed_loses_no_report() {
    for fault in [Fault::Throttled, Fault::Killed] {
        for call in ["DescribeListeners", "UpdateItem"] {
            let world = World::new();
            world.scaled("web", "");
            import(&world, "www", BEGINNING + DAY * 10);
            world.inject_fault(call, fault);
            let first = world.invoke(&Certificates, sweep());
            if !matches!(first, Some(Ok(_))) {
                world.advance(SignedDuration::from_mins(2));
                days(&world, 1);
            }
            assert_eq!(reports(&world).len(), 1, "{call} {fault:?}");
        }
    }
}
