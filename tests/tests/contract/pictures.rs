//! The dashboard that an application gets, against CloudWatch's format; and the pictures in `docs/`, which show
//! what the code makes now. `UPDATE_DOCS=1 cargo test --workspace --test contract pictures` draws them anew.

use std::{env, fs};

use e2e::testkit::curves::{Hpa, Ours, TargetTracking, chart, curves, follow};
use e2e::testkit::dashboard::{picture, problems};
use e2e::testkit::setup::root;
use e2e::testkit::world::World;
use enroll::Enroll;
use lamplighter::model::{Arn, Database};

/// An application of so many services, a database and a cache, enrolled: the body of its dashboard.
fn dashboard(services: usize) -> String {
    let world = World::new();
    for n in 0..services {
        let arn = world.scaled(
            ["web", "cart", "search"]
                .get(n)
                .unwrap_or(&format!("web{n}").as_str()),
            "min=2 max=8",
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
    world.sweep(&Enroll).unwrap().unwrap();
    let state = world.state();
    assert_eq!(
        state.dashboards.keys().collect::<Vec<_>>(),
        ["lamplighter-eu-west-1-shop"]
    );
    state
        .dashboards
        .values()
        .next()
        .cloned()
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
        assert_eq!(
            problems(&dashboard(services)),
            Vec::<String>::new(),
            "{services} services"
        );
    }
}

#[test]
fn what_cloudwatch_refuses_is_found() {
    let body = dashboard(1);
    for (from, to) in [
        ("\"x\":6", "\"x\":20"),
        ("\"y\":2", "\"y\":0"),
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
    let followed = [
        follow(&day, Ours::default()),
        follow(&day, TargetTracking::default()),
        follow(&day, Hpa::default()),
    ];
    is_drawn("scaling.svg", &chart::svg(&day, &followed));
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
