//! How soon people hear that a service serves nothing or too little, and how severe that is to them.

use e2e::testkit::healing::HealWorld;
use e2e::testkit::releases::release;
use e2e::testkit::world::tasks::Conduct;
use jiff::SignedDuration;
use lamplighter::model::Arn;
use lamplighter::notify::{Notification, Severity};
use rstest::rstest;

const MORE: u32 = 30;

fn notices(heal_world: &HealWorld) -> Vec<Notification> {
    heal_world.world.state().notices.clone()
}

/// Lets what runs end, without a trace that ECS keeps.
fn end_all_tasks(heal_world: &HealWorld) {
    heal_world.world.state_mut().tasks.clear();
}

/// The aims are those of the first word: a total outage within a minute, whatever it comes from.
#[rstest]
#[case::secret(Conduct::NoSecret, "required resource missing")]
#[case::image(Conduct::NoImage, "image pull failed")]
#[case::capacity(Conduct::NoRoom, "cause unknown")]
#[case::network_interface(
    Conduct::NeverStarts(
        "Unexpected EC2 error while attempting to tag the network interface: TagPolicyViolation"
    ),
    "required resource missing"
)]
#[case::unheard_of(
    Conduct::NeverStarts("Something that nobody has said before"),
    "tasks can't start"
)]
fn a_total_outage_is_critical_within_a_minute(#[case] conduct: Conduct, #[case] cause: &str) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.minutes(30);
    heal_world.set(&web, conduct);
    end_all_tasks(&heal_world);
    let fault = heal_world.world.state().now;
    heal_world.minutes(MORE);
    let first = notices(&heal_world)[0].clone();
    // The scheduler acts in the minute after the fault.
    assert!(
        heal_world
            .world
            .minutes_until_word(fault, Severity::Critical)
            <= Some(2),
        "{:?}",
        heal_world.world.titles()
    );
    assert!(
        first.message.title.starts_with("0/3 tasks running since ")
            && first.message.title.contains(cause),
        "{}",
        first.message.title
    );
    assert_eq!(heal_world.world.count("UpdateService"), 0);
}

/// The load balancer reaches no task, and ECS replaces them again and again: as many run as should.
#[test]
fn tasks_that_run_and_serve_nobody_are_an_outage() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(30);
    heal_world.set(&web, Conduct::NeverHealthy);
    end_all_tasks(&heal_world);
    let fault = heal_world.world.state().now;
    heal_world.minutes(MORE);
    let told = heal_world.told("shop/web");
    assert!(
        heal_world
            .world
            .minutes_until_word(fault, Severity::Critical)
            <= Some(6),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|title| title.starts_with("0/2 tasks serving since ")),
        "{told:?}"
    );
}

/// As long as a task serves, it is a warning, with how much is left.
#[rstest]
#[case::capacity(Conduct::NoRoom)]
#[case::agent(Conduct::NeverStarts(
    "CannotStartContainerError: failed to get container status: context deadline exceeded"
))]
fn a_part_is_a_warning_within_three_minutes(#[case] conduct: Conduct) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "notify");
    heal_world.minutes(30);
    heal_world.set(&web, conduct);
    let tasks = |heal_world: &HealWorld, web: &Arn| {
        heal_world
            .world
            .state_mut()
            .tasks
            .get_mut(web)
            .unwrap()
            .pop();
    };
    tasks(&heal_world, &web);
    let fault = heal_world.world.state().now;
    heal_world.minutes(8);
    let told = heal_world.told("shop/web");
    assert!(told[0].starts_with("2/3 tasks running since "), "{told:?}");
    assert!(
        heal_world
            .world
            .minutes_until_word(fault, Severity::Warning)
            <= Some(4),
        "{told:?}"
    );
    assert_eq!(
        heal_world
            .world
            .minutes_until_word(fault, Severity::Critical),
        None,
        "{told:?}"
    );
    // The last ones go as well.
    end_all_tasks(&heal_world);
    let worse = heal_world.world.state().now;
    heal_world.minutes(8);
    assert!(
        heal_world
            .world
            .minutes_until_word(worse, Severity::Critical)
            <= Some(2),
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// ECS replaces the only task as fast as it always does.
#[rstest]
#[case::as_fast_as_ever(2, 0)]
#[case::slower_than_ever(6, 2)]
fn a_single_task_that_ecs_restarts_in_time_is_no_incident(
    #[case] startup: u32,
    #[case] expected: usize,
) {
    let mut heal_world = HealWorld::new();
    heal_world.fleet.startup = 2;
    let web = heal_world.service("web", 1, "on");
    heal_world.minutes(30);
    heal_world.fleet.startup = startup;
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(1);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(40);
    // The outage and its end.
    assert_eq!(
        heal_world.told("shop/web").len(),
        expected,
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// A service that is switched off at night and on in the morning.
#[test]
fn a_desired_count_of_zero_and_the_start_after_it_are_no_outage() {
    let mut heal_world = HealWorld::new();
    heal_world.fleet.startup = 2;
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(30);
    let set = |heal_world: &HealWorld, count| {
        let mut state = heal_world.world.state_mut();
        state.services.get_mut(&web).unwrap().desired_count = count;
    };
    for minutes in [5, 90, 600] {
        set(&heal_world, 0);
        heal_world.minutes(minutes);
        set(&heal_world, 2);
        heal_world.minutes(40);
    }
    assert!(
        heal_world.world.titles().is_empty(),
        "{:?}",
        heal_world.world.titles()
    );
}

/// After an escalation nothing is done until something new is deployed: no rollback to what was given up before.
#[rstest]
fn nothing_is_done_after_an_escalation_until_something_new_is_deployed(
    #[values(0, 35, 90)] gap: u32,
    #[values(Conduct::Crashes, Conduct::FailsHealthChecks)] conduct: Conduct,
) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(120);
    heal_world.set(&web, conduct);
    heal_world.minutes(60);
    // A person pushes a release that lives, and that fails later in the same way.
    heal_world.set(&web, Conduct::Runs);
    release(&heal_world.world, &web, "RC_1.2.0", 12);
    heal_world.minutes(gap);
    heal_world.set(&web, conduct);
    heal_world.minutes(90);
    let escalated = |heal_world: &HealWorld| {
        let told = heal_world.told("shop/web");
        told.iter()
            .filter(|title| title.ends_with(" steps failed"))
            .count()
    };
    let told = heal_world.told("shop/web");
    assert!(escalated(&heal_world) >= 1, "{told:?}");
    let changes = |heal_world: &HealWorld| {
        heal_world.world.count("UpdateService") + heal_world.world.count("StopTask")
    };
    let (done, known) = (changes(&heal_world), told.len());
    heal_world.minutes(240);
    assert_eq!(
        (changes(&heal_world), heal_world.told("shop/web").len()),
        (done, known),
        "{:?}",
        heal_world.told("shop/web")
    );
    // Something new gets its steps again.
    let escalations = escalated(&heal_world);
    let revision = {
        let mut state = heal_world.world.state_mut();
        state.register("shop-web", "web:2")
    };
    heal_world.world.state_mut().deploy(&web, &revision);
    heal_world.minutes(120);
    assert!(
        changes(&heal_world) > done + 1 && escalated(&heal_world) == escalations + 1,
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// Every deployment of such a service stops its only task first. What was seen then says nothing days later.
#[test]
fn a_short_gap_of_last_week_is_no_outage_of_today() {
    let mut heal_world = HealWorld::new();
    heal_world.fleet.startup = 2;
    let web = heal_world.service("web", 1, "on");
    heal_world.minutes(30);
    for _ in 0..3 {
        let revision = heal_world.world.state().services[&web]
            .task_definition
            .clone();
        heal_world.world.state_mut().deploy(&web, &revision);
        heal_world.minutes(60);
        heal_world.world.advance(SignedDuration::from_hours(48));
    }
    assert!(
        heal_world.world.titles().is_empty(),
        "{:?}",
        heal_world.world.titles()
    );
    let state = heal_world.world.state();
    assert_eq!(state.held[&web].memory.health.none_serves, None);
}

/// Neither observe mode nor a step that AWS refuses hides an outage.
#[rstest]
#[case::observed("observe", Conduct::NoSecret)]
#[case::observed_without_a_cause("observe", Conduct::NoRoom)]
#[case::observed_crash("observe", Conduct::CrashesAtOnce)]
#[case::managed_crash("true", Conduct::CrashesAtOnce)]
fn an_outage_is_told_whether_or_not_a_step_is_taken(
    #[case] managed: &str,
    #[case] conduct: Conduct,
) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:managed", managed);
    heal_world.minutes(30);
    heal_world.set(&web, conduct);
    end_all_tasks(&heal_world);
    let fault = heal_world.world.state().now;
    heal_world.minutes(MORE);
    assert!(
        heal_world
            .world
            .minutes_until_word(fault, Severity::Critical)
            <= Some(4),
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// Parking ends the crash loop and the escalation. The next one is told and parked again.
#[test]
fn a_service_is_parked_again_after_it_recovered() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 6, "on crash=park");
    heal_world.minutes(60);
    for _ in 0..2 {
        heal_world.set(&web, Conduct::Crashes);
        heal_world.minutes(15);
        assert_eq!(
            heal_world.world.state().services[&web].desired_count,
            1,
            "{:?}",
            heal_world.told("shop/web")
        );
        heal_world.set(&web, Conduct::Runs);
        // Until just after it has its tasks again.
        while heal_world.world.state().services[&web].desired_count == 1 {
            heal_world.minutes(1);
        }
        heal_world.minutes(1);
    }
    let told = heal_world.told("shop/web");
    let parked = told
        .iter()
        .filter(|title| title.ends_with(", parked at 1 task"));
    assert_eq!(parked.count(), 2, "{told:?}");
}

/// An escalation about a part doesn't cover what follows: the last task ends.
#[test]
fn a_total_outage_after_an_escalation_about_a_part_is_told() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.minutes(30);
    heal_world.set(&web, Conduct::NoSecret);
    heal_world
        .world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .pop();
    heal_world.minutes(30);
    let told = heal_world.told("shop/web");
    assert!(
        told.len() == 1 && told[0].starts_with("2/3 tasks running since "),
        "{told:?}"
    );
    end_all_tasks(&heal_world);
    let worse = heal_world.world.state().now;
    heal_world.minutes(5);
    let told = heal_world.told("shop/web");
    assert!(
        heal_world
            .world
            .minutes_until_word(worse, Severity::Critical)
            <= Some(2)
            && told.len() == 2
            && told[1].starts_with("0/3 tasks running since "),
        "{told:?}"
    );
}

/// A registry that can't be reached for a while calls nobody as long as a task serves, and no restart adds load to it.
#[test]
fn a_passing_failure_to_start_is_a_warning_and_recovers() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.minutes(30);
    heal_world.set(
        &web,
        Conduct::NeverStarts(
            "CannotPullContainerError: failed to do request: Head https://registry: dial tcp 10.0.0.1:443: i/o timeout",
        ),
    );
    heal_world
        .world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .pop();
    heal_world.minutes(20);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(60);
    let severities: Vec<Severity> = notices(&heal_world)
        .iter()
        .map(|notice| notice.message.severity)
        .collect();
    assert_eq!(
        severities,
        [Severity::Warning, Severity::Info],
        "{:?}",
        heal_world.told("shop/web")
    );
    assert_eq!(heal_world.world.count("UpdateService"), 0);
}

/// The tag's address is in every notification. What is no address is left out.
#[rstest]
#[case::an_address("https://wiki.example.com/shop/web", true)]
#[case::no_address("see the wiki", false)]
fn every_notification_has_the_runbook(#[case] tag: &str, #[case] is_linked: bool) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:runbook", tag);
    heal_world.minutes(30);
    heal_world.set(&web, Conduct::NoSecret);
    end_all_tasks(&heal_world);
    heal_world.minutes(10);
    let expected = is_linked.then(|| tag.to_owned());
    let found: Vec<Option<String>> = notices(&heal_world)
        .into_iter()
        .map(|notice| notice.runbook)
        .collect();
    assert!(
        !found.is_empty() && found.iter().all(|runbook| *runbook == expected),
        "{found:?}"
    );
}
