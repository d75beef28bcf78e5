//! The command `lamplighter`, end to end: the real executable against the real functions.

use e2e::testkit::alerts::{notice, sweep, tell};
use e2e::testkit::command::{Ran, run_aws_cli, run_command, run_with_input, start_command};
use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::live_service::{start_live_service, wait_until_runs};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{create_web, deployed_image, push_image};
use serde_json::{Value, json};

/// Runs the command, which has to succeed, and returns what it printed.
fn run(stack: &Stack, arguments: &[&str]) -> String {
    let ran = run_command(stack, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran.stdout
}

/// Runs the command, which has to fail with this exit code, and returns what it printed about that.
fn fail(stack: &Stack, arguments: &[&str], code: i32) -> String {
    let ran = run_command(stack, arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    ran.stderr
}

/// Runs the command while the sweeps run, until it ends.
fn run_to_the_verdict(stack: &Stack, arguments: &[&str]) -> Ran {
    let mut running = start_command(stack, arguments);
    let what = format!("{arguments:?} ends");
    stack.sweep_until("Sweep", &what, || running.has_ended());
    running.finish()
}

/// The day of an operator, and of a pipeline that waits for verdicts.
#[test]
fn an_operator_sees_and_steers_from_one_place() {
    let (stack, web, first) = start_live_service(&[("RequestApi", "yes")]);
    let doctor = run(&stack, &["doctor"]);
    assert!(doctor.contains("none of the stack's own fires"), "{doctor}");
    let status = run(&stack, &["status"]);
    assert!(status.contains("shop/web"), "{status}");
    assert!(status.contains("RC_1.1.0"), "{status}");
    let status: Value =
        serde_json::from_str(&run(&stack, &["status", "--output", "json"])).unwrap();
    assert_eq!(status["targets"][0]["version"]["tag"], "RC_1.1.0");
    let explained = run(&stack, &["explain", "shop/web"]);
    assert!(
        explained.contains("lamplighter:deploy = tag=RC_x.x.x repo=shop/web"),
        "{explained}"
    );
    assert!(explained.contains("runs RC_1.1.0"), "{explained}");

    let hotfix = push_image(&stack, "shop/web", "hotfix-1", &["arm64"], "c");
    let deploy = ["deploy", "shop/web", "hotfix-1", "--wait", "-m", "prices"];
    let ran = run_to_the_verdict(&stack, &deploy);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.stdout.contains("shop/web: hotfix-1 verified"),
        "{ran:?}"
    );
    assert!(deployed_image(&stack, &web).ends_with(&hotfix));
    // Once more, there is nothing to do.
    let again = run_to_the_verdict(&stack, &deploy);
    assert_eq!(again.code, Some(0), "{again:?}");
    let releases = run(&stack, &["releases", "shop/web"]);
    assert!(
        releases.contains("hotfix-1") && releases.contains("RC_1.1.0"),
        "{releases}"
    );
    let timeline = run(&stack, &["timeline", "shop/web", "--since", "2h"]);
    assert!(timeline.contains("shop/web (deploy)"), "{timeline}");

    run(
        &stack,
        &["pause", "--all", "--for", "2h", "-m", "migration"],
    );
    let status = run(&stack, &["status"]);
    assert!(status.contains("! everything: paused until"), "{status}");
    let held = run_to_the_verdict(&stack, &["deploy", "shop/web", "RC_1.1.0", "--wait"]);
    assert_eq!(held.code, Some(2), "{held:?}");
    assert!(
        held.stdout.contains("held: everything is paused by root"),
        "{held:?}"
    );
    run(&stack, &["resume", "--all"]);
    run(
        &stack,
        &["rollback", "shop/web", "RC_1.1.0", "-m", "wrong prices"],
    );
    stack.sweep_until("Sweep", "it runs the first image", || {
        deployed_image(&stack, &web).ends_with(&first).then_some(())
    });
    wait_until_runs(&stack, &web, &first);
}

/// ECS gives the rollout up while the pipeline waits: the command ends with 1 and the reason.
#[test]
fn a_pipeline_hears_of_a_rejected_release() {
    let (stack, web, _) = start_live_service(&[("RequestApi", "yes")]);
    stack.control("settings", json!({"rollouts": "manual"}));
    let hotfix = push_image(&stack, "shop/web", "hotfix-1", &["arm64"], "c");
    let mut running = start_command(&stack, &["deploy", "shop/web", "hotfix-1", "--wait"]);
    wait_until_runs(&stack, &web, &hotfix);
    let end = json!({"cluster": "shop", "service": "web", "how": "FAILED"});
    stack.control("deployment", end);
    stack.sweep_until("Sweep", "the command ends", || running.has_ended());
    let ran = running.finish();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("shop/web: hotfix-1 rejected: "),
        "{ran:?}"
    );
}

#[test]
fn an_incident_is_acknowledged_by_the_name_of_its_target() {
    let (stack, _, _) = start_live_service(&[("RequestApi", "yes")]);
    assert_eq!(run(&stack, &["incidents"]), "no open incidents\n");
    let crash = notice(
        "web",
        "critical",
        "0/2 tasks running",
        &json!({"fires": "heal"}),
    );
    tell(&stack, &[crash]);
    sweep(&stack);
    let incidents = run(&stack, &["incidents"]);
    assert!(incidents.contains("CRITICAL"), "{incidents}");
    assert!(incidents.contains("0/2 tasks running"), "{incidents}");
    run(&stack, &["ack", "shop/web"]);
    stack.sweep_until("AlertSweep", "it is acknowledged", || {
        let incidents = run(&stack, &["incidents"]);
        incidents.contains("(acknowledged)").then_some(())
    });
    let unknown = fail(&stack, &["ack", "3f9a1c22b7d0"], 3);
    assert!(
        unknown.contains("no open incident 3f9a1c22b7d0"),
        "{unknown}"
    );
}

/// Mistakes are answered with what helps, and change nothing.
#[test]
fn a_mistake_gets_a_clear_answer() {
    let (stack, _, _) = start_live_service(&[]);
    let misspelt = fail(&stack, &["explain", "shop/wbe"], 3);
    assert!(misspelt.contains("did you mean shop/web?"), "{misspelt}");
    let misspelt = fail(&stack, &["timeline", "shop/wbe"], 3);
    assert!(misspelt.contains("did you mean shop/web?"), "{misspelt}");
    let unknown = fail(&stack, &["restore-plan", "billing"], 3);
    assert!(
        unknown.contains("no database or cache is called billing"),
        "{unknown}"
    );
    let no_door = fail(&stack, &["pause", "--all"], 3);
    assert!(
        no_door.contains("set its parameter RequestApi to yes"),
        "{no_door}"
    );
    let other = fail(&stack, &["status", "--stack", "lamplihgter"], 3);
    assert!(other.contains("did you mean lamplighter?"), "{other}");
    let nowhere = fail(&stack, &["status", "--region", "us-east-1"], 3);
    assert!(
        nowhere.contains("no Lamplighter stack in us-east-1"),
        "{nowhere}"
    );
    let nobody = fail(&stack, &["approve", "shop/web"], 3);
    assert!(
        nobody.contains("no image of shop/web waits for an approval"),
        "{nobody}"
    );
    let doctor = run_command(&stack, &["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(
        doctor.stdout.contains("the stack takes no requests"),
        "{doctor:?}"
    );
    assert!(!doctor.stdout.contains("not checked"), "{doctor:?}");
    fail(&stack, &["pause"], 64);
    fail(&stack, &["silence", "shop/web"], 64);
    fail(&stack, &["timeline", "--since", "soon"], 64);
    let linted = run_with_input(&stack, &["lint"], "lamplighter:managed=yes\n");
    assert_eq!(linted.code, Some(1), "{linted:?}");
    assert!(
        linted
            .stdout
            .contains("is not one of true, observe, paused"),
        "{linted:?}"
    );
}

/// What an account has is found, and the proposed commands tag it so that it is observed.
#[test]
fn an_account_is_tagged_by_the_proposed_commands() {
    let stack = Stack::start(&[]).unwrap();
    create_web(&stack, &[]);
    let group = json!({"logGroupName": "/shop-web"});
    stack.call("logs", "CreateLogGroup", group).unwrap();
    let proposed = run(&stack, &["init"]);
    assert!(
        proposed.contains("tag=RC_x.x.x repo=shop/web"),
        "{proposed}"
    );
    assert!(proposed.contains("aws logs tag-resource"), "{proposed}");
    run_aws_cli(&stack, &proposed);
    wait_until_idle(&stack);
    let status = run(&stack, &["status", "--output", "json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let targets = status["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2, "{status}");
    assert!(
        targets.iter().all(|target| target["mode"] == "observing"),
        "{status}"
    );
    let again = run(&stack, &["init", "--format", "terraform"]);
    assert!(!again.contains("shop/web\n"), "{again}");
}
