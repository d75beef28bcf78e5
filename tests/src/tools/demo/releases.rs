//! The scenes about releases that fail.

use std::thread::sleep;
use std::time::Duration;

use e2e::testkit::ledger::age_state;
use e2e::testkit::shifting::{behind_two_groups, carried, stage as ask};
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, image, push_image, tag_service,
};
use serde_json::json;

use crate::stage::Stage;

fn ends(stage: &mut Stage<'_>, how: &str) -> Result<(), String> {
    stage.wait_until_idle()?;
    stage.stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": how}),
    );
    Ok(())
}

pub fn bad(stage: &mut Stage<'_>) -> Result<(), String> {
    let good = deployed_image(stage.stack, &stage.web);
    stage
        .stack
        .control("settings", json!({"rollouts": "manual"}));
    let digest = stage.push("RC_1.4.4", &["arm64"], "four");
    stage.rolled_out("RC_1.4.4", &digest)?;
    stage.story.line(
        "stack",
        "no task becomes healthy; ECS's circuit breaker takes it back",
    );
    ends(stage, "FAILED")?;
    stage.told(", rolled back to ")?;
    stage.wait_until_idle()?;
    stage.unchanged(4)?;
    stage
        .story
        .line("stack", "the same image is pushed again under another tag");
    stage.push("RC_1.4.6", &["arm64"], "four");
    stage.decided("is quarantined: it was rolled back on")?;
    stage.wait_until_idle()?;
    stage.unchanged(4)?;
    if deployed_image(stage.stack, &stage.web) == good {
        Ok(())
    } else {
        Err("the good image does not run".to_owned())
    }
}

pub fn given_up(stage: &mut Stage<'_>) -> Result<(), String> {
    let good = deployed_image(stage.stack, &stage.web);
    let digest = stage.push("RC_1.4.7", &["arm64"], "seven");
    stage.rolled_out("RC_1.4.7", &digest)?;
    ends(stage, "GIVEN_UP")?;
    stage.told("rolling back to RC_1.4.3")?;
    stage
        .wait(|stage| deployed_image(stage.stack, &stage.web) == good)
        .map_err(|()| "it did not go back")?;
    ends(stage, "COMPLETED")?;
    stage.wait_until_idle()
}

/// What the hooks of `shop/web` answer at last, asked again and again as ECS does.
fn answered(stage: &mut Stage<'_>, name: &str, weight: u32) -> Result<String, String> {
    let mut answer = String::new();
    stage
        .wait(|stage| {
            answer = ask(stage.stack, "web", name, weight);
            answer != "IN_PROGRESS"
        })
        .map_err(|()| format!("{name} is never answered"))?;
    stage.story.line(
        "stack",
        &format!("ECS asks at {name}, {weight} %: {answer}"),
    );
    Ok(answer)
}

fn is(expected: &str, answer: &str) -> Result<(), String> {
    if answer == expected {
        Ok(())
    } else {
        Err(format!("{answer} instead of {expected}"))
    }
}

pub fn canary(stage: &mut Stage<'_>) -> Result<(), String> {
    let good = deployed_image(stage.stack, &stage.web);
    let groups = behind_two_groups(stage.stack, "web");
    stage.wait_until_idle()?;
    tag_service(
        stage.stack,
        &stage.web,
        &[(
            "lamplighter:deploy",
            "tag=RC_x.x.x repo=shop/web strategy=canary",
        )],
    );
    stage.wait_until_idle()?;
    let digest = stage.push("RC_1.5.0", &["arm64"], "canary");
    stage.rolled_out("RC_1.5.0", &digest)?;
    is("SUCCEEDED", &answered(stage, "PRE_SCALE_UP", 0)?)?;
    let began = ask(stage.stack, "web", "PRODUCTION_TRAFFIC_SHIFT", 5);
    is("IN_PROGRESS", &began)?;
    stage.wait_until_idle()?;
    stage.story.line(
        "stack",
        "six minutes pass: 12 of 60 requests a minute fail with it, 1 of 1,140 with the old one",
    );
    age_state(stage.stack, &stage.web);
    carried(
        stage.stack,
        &groups,
        &[(1_140.0, 1.0); 6],
        &[(60.0, 12.0); 6],
    );
    is("FAILED", &answered(stage, "PRODUCTION_TRAFFIC_SHIFT", 5)?)?;
    stage.told("rejected at 5 % of traffic, rolling back - more errors")?;
    stage.wait_until_idle()?;
    if deployed_image(stage.stack, &stage.web) == good {
        Ok(())
    } else {
        Err("the good image does not run".to_owned())
    }
}

pub fn approval(stage: &mut Stage<'_>) -> Result<(), String> {
    let tag = "tag=RC_x.x.x repo=shop/web strategy=canary approve=yes";
    tag_service(stage.stack, &stage.web, &[("lamplighter:deploy", tag)]);
    stage.wait_until_idle()?;
    let digest = stage.push("RC_1.5.1", &["arm64"], "approved");
    stage.rolled_out("RC_1.5.1", &digest)?;
    ask(stage.stack, "web", "POST_TEST_TRAFFIC_SHIFT", 0);
    stage.told("held at 0 % of traffic - waiting for approval")?;
    stage.wait_until_idle()?;
    stage
        .story
        .line("person", &format!("lamplighter:approve = {digest}"));
    tag_service(stage.stack, &stage.web, &[("lamplighter:approve", &digest)]);
    stage
        .stack
        .control("schedule", json!({"name": "RolloutSweep"}));
    stage.told("approved, shifting traffic")?;
    is("SUCCEEDED", &answered(stage, "POST_TEST_TRAFFIC_SHIFT", 0)?)?;
    ends(stage, "COMPLETED")?;
    stage
        .wait(|stage| stage.mails("RC_1.5.1 ") == 4)
        .map_err(|()| "no mail says that it is verified")?;
    stage
        .stack
        .control("settings", json!({"rollouts": "instant"}));
    stage.wait_until_idle()
}

/// A service in a deployment group of CodeDeploy, whose test listener nobody answers at.
pub fn code_deploy(stage: &mut Stage<'_>) -> Result<(), String> {
    let image = image("shop/pay", "RC_1.0.0");
    create_repository(stage.stack, "shop/pay");
    let service = NewService {
        cluster: "shop",
        name: "pay",
        image: &image,
        architecture: "ARM64",
        tags: &[],
    };
    let pay = create_service(stage.stack, &service);
    let group = json!({"cluster": "shop", "service": "pay", "application": "shop", "group": "pay"});
    stage.stack.control("code_group", group);
    stage.wait_until_idle()?;
    let tag = "tag=RC_x.x.x repo=shop/pay verify-test=http://127.0.0.1:9/health";
    tag_service(
        stage.stack,
        &pay,
        &[("lamplighter:managed", "true"), ("lamplighter:deploy", tag)],
    );
    stage.wait_until_idle()?;
    push_image(stage.stack, "shop/pay", "RC_1.1.0", &["arm64"], "pay-one");
    stage.told("pay: deploying RC_1.1.0")?;
    stage.wait_until_idle()?;
    push_image(stage.stack, "shop/pay", "RC_1.2.0", &["arm64"], "pay-two");
    stage.decided("RC_1.2.0")?;
    stage.wait_until_idle()?;
    move_on(stage, "Succeeded")?;
    stage
        .stack
        .control("schedule", json!({"name": "DeploySweep"}));
    stage.told("pay: deploying RC_1.2.0")?;
    stage.wait_until_idle()?;
    move_on(stage, "AfterAllowTestTraffic")?;
    let failed =
        |stage: &Stage<'_>| stage.stack.control("code_answers", json!({})) == json!(["Failed"]);
    for _ in 0..3 {
        stage.wait_until_idle()?;
        // Probes are some seconds apart.
        sleep(Duration::from_secs(5));
        stage
            .stack
            .control("schedule", json!({"name": "VerifySweep"}));
    }
    stage.wait(failed).map_err(|()| "CodeDeploy is not told")?;
    stage.told("rejected at the test listener, rolling back - failed probes")?;
    stage.wait_until_idle()?;
    if stage.stack.calls_of("CreateDeployment") == 2 {
        Ok(())
    } else {
        Err("there are not two deployments".to_owned())
    }
}

fn move_on(stage: &mut Stage<'_>, to: &str) -> Result<(), String> {
    stage
        .story
        .line("stack", &format!("the deployment is at {to}"));
    stage.stack.control("code_deployment", json!({"to": to}));
    stage.wait_until_idle()
}
