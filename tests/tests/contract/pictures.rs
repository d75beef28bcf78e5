//! The dashboard that an application gets, against CloudWatch's format; and the pictures in `docs/`, which show
//! what the code makes now. `UPDATE_DOCS=1 cargo test --workspace --test contract pictures` draws them anew.

use std::collections::BTreeMap;
use std::{env, fs};

use e2e::testkit::curves::{Conditions, Measure, Ours, chart, curves, follow};
use e2e::testkit::dashboard::{picture, problems};
use e2e::testkit::setup::root;
use e2e::testkit::world::World;
use enroll::Enroll;
use lamplighter::model::{Arn, Database};
use lamplighter::policy::StackDefaults;
use serde_json::json;

/// An application of so many services, a database and a cache, enrolled: the bodies of its dashboards by name.
fn dashboards(services: usize) -> BTreeMap<String, String> {
    let world = World::new();
    for n in 0..services {
        let arn = world.scaled(
            ["web", "cart", "search"]
                .get(n)
                .unwrap_or(&format!("web{n}").as_str()),
            "min=2 max=8 rps=10",
        );
        tag(&world, &arn);
    }
    let orders = Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders");
    world
        .state_mut()
        .databases
        .insert(orders.clone(), database(&orders));
    tag(&world, &orders);
    tag(
        &world,
        &Arn::new("arn:aws:elasticache:eu-west-1:123456789012:cluster:sessions"),
    );
    let status = "arn:aws:lambda:eu-west-1:123456789012:function:lamplighter-Digest";
    let defaults = StackDefaults::default().with_functions("", status);
    let sweep =
        json!({"detail-type": "Scheduled Event", "source": "aws.events", "region": "eu-west-1"});
    world
        .invoke_with(&Enroll, sweep, defaults)
        .unwrap()
        .unwrap();
    world.state().dashboards.clone()
}

/// The body of the first dashboard of such an application.
fn dashboard(services: usize) -> String {
    let mut all = dashboards(services);
    all.remove("lamplighter-eu-west-1-shop")
        .expect("a dashboard")
}

fn tag(world: &World, arn: &Arn) {
    let mut state = world.state_mut();
    let tags = state.tags.entry(arn.clone()).or_default();
    tags.extend(
        [("managed", "true"), ("app", "shop")]
            .map(|(k, v)| (format!("lamplighter:{k}"), v.to_owned())),
    );
}

fn database(arn: &Arn) -> Database {
    Database {
        arn: arn.clone(),
        identifier: arn.display_name(),
        engine: "postgres".into(),
        status: "available".into(),
        class: "db.r6g.large".into(),
        allocated_gib: Some(100),
        backup_retention_days: 7,
        multi_az: true,
        encrypted: true,
        deletion_protection: true,
        ..Database::default()
    }
}

#[test]
fn a_dashboard_has_the_format_that_cloudwatch_takes() {
    for services in [1, 3, 200] {
        for (name, body) in dashboards(services) {
            assert_eq!(
                problems(&body),
                Vec::<String>::new(),
                "{services} services, {name}"
            );
        }
    }
}

/// A dashboard has at most 500 widgets, so that a large application has several. Together they show each member once.
#[test]
fn a_large_application_has_several_dashboards() {
    let all = dashboards(130);
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let name = "lamplighter-eu-west-1-shop";
    assert_eq!(
        names,
        [
            name,
            "lamplighter-eu-west-1_2-shop",
            "lamplighter-eu-west-1_3-shop"
        ]
    );
    let shown = |what: &str| -> usize { all.values().map(|body| body.matches(what).count()).sum() };
    assert_eq!(shown(": tasks\""), 130);
    assert_eq!(shown("orders: connections\""), 1);
    assert_eq!(shown("sessions: hit rate, %\""), 1);
}

#[test]
fn what_cloudwatch_refuses_is_found() {
    let body = dashboard(1);
    for (from, to) in [
        ("\"x\":6", "\"x\":20"),
        ("\"y\":2,", "\"y\":0,"),
        (":alarm:lamplighter", ":alarms:lamplighter"),
        ("FILL(e1", "FILL(e9"),
        ("\"CPUUtilization\",\"ClusterName\"", "\"ClusterName\""),
        ("#d62728", "red"),
        ("\"region\":\"eu-west-1\"", "\"region\":\"\""),
        ("\"view\"", "\"veiw\""),
    ] {
        assert!(body.contains(from), "{from}");
        assert_ne!(
            problems(&body.replace(from, to)),
            Vec::<String>::new(),
            "{from} → {to}"
        );
    }
}

#[test]
fn the_pictures_show_what_the_code_makes() {
    is_drawn("dashboard.svg", &picture(&dashboard(2)));
    let day = curves().into_iter().next().expect("a curve");
    let conditions = Conditions {
        measure: Measure::Requests,
        delay: 1,
        start: 1,
    };
    let followed = follow(&day, conditions, &mut Ours::new(Measure::Requests, 10));
    is_drawn("scaling.svg", &chart::draw_tasks(&day, &followed).unwrap());
}

fn is_drawn(name: &str, drawn: &str) {
    let file = root().join("docs").join(name);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, drawn).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == drawn,
        "docs/{name} shows something else: draw it anew with UPDATE_DOCS=1"
    );
}
