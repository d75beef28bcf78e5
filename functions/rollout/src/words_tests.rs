//! Every message of `rollout`, as people read it. A change of a text is a change of its snapshot.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{AlarmActions, AlarmState, Arn, Digest, HasAlarm, Service};
use lamplighter::notify::Message;
use lamplighter::release::evidence::Evidence;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{Following, Verified};

use crate::Observed;
use crate::decide::Stage;
use crate::words;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41";

fn observed(service: &Service, said: &[&str], evidence: Evidence) -> Observed {
    Observed {
        service: Some(service.clone()),
        code_deployment: None,
        stage: Stage::Stuck,
        way_back: None,
        looks: None,
        alarms: Vec::new(),
        down: Vec::new(),
        said: said.iter().map(|text| (*text).to_owned()).collect(),
        evidence,
        pause: None,
        waits_at: None,
        has_returned: false,
        can_take_back: None,
    }
}

#[test]
fn every_message() {
    let digest = Digest::new(format!("sha256:{:064x}", 2));
    let at = NOW - SignedDuration::from_mins(16);
    let (tag, base, looks) = (
        "RC_1.4.2".to_owned(),
        REVISION.to_owned(),
        ProbeStreak::default(),
    );
    let following = Following {
        digest: digest.clone(),
        tag,
        base,
        at,
        deployment: None,
        looks,
    };
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let service = Service {
        task_definition: REVISION.to_owned(),
        running_count: 2,
        ..Service::rolling(arn, 2)
    };
    let good = Verified {
        digest,
        tag: "RC_1.4.1".to_owned(),
        revision: REVISION.to_owned(),
        at,
    };
    let stops =
        Some("3 tasks stopped: Essential container in task exited (web: exit code 1).".to_owned());
    let lines = Some(("web".to_owned(), vec!["panic: no configuration".to_owned()]));
    let evidence = Evidence {
        stops,
        lines,
        missing: None,
    };
    let silent = observed(&service, &[], Evidence::default());
    let ecs = [
        "(service web) was unable to place a task because no container instance met all of its requirements.",
    ];
    let told = observed(&service, &ecs, evidence);
    let problem = Some("https://shop.example.com/health: it answers 503".to_owned());
    let looks = ProbeStreak {
        all: 20,
        passed: 14,
        bad: 3,
        problem,
        ..ProbeStreak::default()
    };
    let unclear = ProbeStreak {
        bad: 0,
        ..looks.clone()
    };
    let alarm = HasAlarm {
        name: "checkout-errors".into(),
        arn: String::new(),
        state: AlarmState::Alarm,
        state_since: Some(at),
        state_reason: "Threshold Crossed: 3 datapoints were greater than the threshold (5.0)."
            .into(),
        actions: AlarmActions::default(),
        alarm: None,
    };
    let orders = ["orders".to_owned()];
    let (late, refuted) = (words::late(16, &told), |looks: &ProbeStreak| {
        words::refuted(&Observed {
            looks: Some(looks.clone()),
            ..silent.clone()
        })
    });
    let back =
        |what: &str, why: &str, spent: bool| words::goes_back(&following, what, &good, why, spent);
    let messages = [
        words::live(&service, &following, &[], NOW),
        words::live(&service, &following, std::slice::from_ref(&alarm), NOW),
        words::waits_for_approval(&following, true),
        words::waits_for_approval(&following, false),
        words::goes_on(&following),
        words::went_back(&service, &following, &silent, false),
        words::went_back(&service, &following, &told, true),
        back(words::HUNG, &late, false),
        back(words::ANSWERS_BADLY, &refuted(&looks), true),
        back(words::FAILED, &refuted(&unclear), false),
        back(words::RAISED_ALARM, &words::alarmed(&alarm, &silent), false),
        words::no_way_back(&following, words::HUNG, &late),
        words::depends(&following, words::HUNG, &late, &orders),
        words::back_while_down(&service, &following, &orders),
        words::unclear(&following, &unclear),
        words::superseded(
            &following,
            &[(format!("depends:{}", following.digest), NOW)].into(),
        )
        .unwrap(),
    ];
    insta::assert_snapshot!(book(&messages));
}
