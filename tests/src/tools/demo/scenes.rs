//! The scenes: each does something, waits for what must follow, and looks that nothing else did.

use e2e::testkit::workload::{NewService, create_service, deployed_image, image, tag_service};
use serde_json::json;

use crate::archive;
use crate::backups;
use crate::healing;
use crate::load;
use crate::people;
use crate::releases;
use crate::stage::{REPOSITORY, Scene, Stage};

pub const SCENES: [Scene; 28] = [
    Scene {
        title: "The stack is there, and a day goes by before anybody tags anything",
        proves: "a quiet day is told in three lines",
        play: people::a_quiet_day,
    },
    Scene {
        title: "A team tags its service and pushes RC_1.4.1 for two platforms",
        proves: "a pushed image is rolled out by digest, and somebody is told",
        play: first_push,
    },
    Scene {
        title: "The same image is pushed again",
        proves: "the same digest again does nothing",
        play: same_digest,
    },
    Scene {
        title: "RC_1.4.2 is pushed for linux/amd64 only; the service runs on ARM64",
        proves: "an image for the wrong platform waits, then rolls out",
        play: wrong_platform,
    },
    Scene {
        title: "RC_1.4.3 is pushed and its event is lost",
        proves: "a push whose event was lost is found by the sweep",
        play: lost_event,
    },
    Scene {
        title: "A second service gets a misspelt tag",
        proves: "a bad tag raises one message and touches nothing",
        play: bad_tag,
    },
    Scene {
        title: "RC_1.4.4 is pushed, and its tasks do not pass their health check",
        proves: "a release that fails is told with where the service went back to, and is refused from then on",
        play: releases::bad,
    },
    Scene {
        title: "RC_1.4.7 is pushed; ECS gives it up and leaves it where it is",
        proves: "a release that nobody takes back goes back to the last one that was good",
        play: releases::given_up,
    },
    Scene {
        title: "A release gets 5 % of the traffic, and 20 % of its requests fail",
        proves: "a canary that is worse than what runs beside it goes back at its first step",
        play: releases::canary,
    },
    Scene {
        title: "A service of CodeDeploy gets two releases in a minute, and the second does not pass its test",
        proves: "CodeDeploy deploys them one after the other, asks whether they are well, and takes the bad one back",
        play: releases::code_deploy,
    },
    Scene {
        title: "The tag says approve=yes, and the next release has passed its test",
        proves: "a deployment waits for a person before traffic moves, and goes on once it is approved",
        play: releases::approval,
    },
    Scene {
        title: "The team tags the service for scaling, and load climbs to 37 requests a second",
        proves: "load makes a service grow to what it needs, by alarms that nobody made by hand",
        play: load::climbs,
    },
    Scene {
        title: "The load grows on; the alarm has spoken and speaks no more",
        proves: "the sweep follows a load that stays high",
        play: load::stays_high,
    },
    Scene {
        title: "The load is over",
        proves: "a service goes back calmly, and somebody is told what it took",
        play: load::falls,
    },
    Scene {
        title: "The CPU of a service without the tag peaks",
        proves: "a CPU peak is told once, with the reason, and nothing is changed",
        play: load::peaks,
    },
    Scene {
        title: "A window opens in which a burst is known to come",
        proves: "a schedule raises the floor before the burst",
        play: load::window_opens,
    },
    Scene {
        title: "The ninth night of a database that is kept for seven",
        proves: "the night's snapshot is taken, what the policy does not keep goes, and a person's own stays",
        play: backups::tenth_day,
    },
    Scene {
        title: "The weekly drill of that database is due",
        proves: "a backup is proven by restoring it, timed, and nothing is left",
        play: backups::drill,
    },
    Scene {
        title: "Backups have stopped for ten days",
        proves: "nothing is deleted, however old, and one critical message says so",
        play: backups::stopped,
    },
    Scene {
        title: "The database is back",
        proves: "the missed backup is made up for, and somebody is told that it is over",
        play: backups::goes_on,
    },
    Scene {
        title: "The logs of a day are whole, and a log group is tagged for export",
        proves: "logs are in the bucket a day at a time, and a manifest says which days are complete",
        play: archive::exports,
    },
    Scene {
        title: "Minutes after RC_2.1.0 of another service went live its tasks crash",
        proves: "a crash loop that began with the new revision goes back to the last good one",
        play: healing::crashes_since_release,
    },
    Scene {
        title: "A service that nobody touched crashes again and again",
        proves: "one that did not is restarted three times with growing time between, and then a person is called",
        play: healing::crashes_by_itself,
    },
    Scene {
        title: "A container is killed for its memory; its tag says memory=+25",
        proves: "a task that runs out of memory gets more, once, in a size that Fargate has",
        play: healing::out_of_memory,
    },
    Scene {
        title: "Somebody deleted the secret that a service's tasks read",
        proves: "what no restart helps calls a person at once, with what is missing and who deleted it",
        play: healing::secret_missing,
    },
    Scene {
        title: "The database of a service is full, and its tasks crash",
        proves: "nothing is restarted while the database is down, and somebody is told when all is well again",
        play: healing::database_down,
    },
    Scene {
        title: "What people saw of that in Slack",
        proves: "an incident is one thread in Slack, whose first message says how it stands",
        play: people::one_thread,
    },
    Scene {
        title: "The day is over",
        proves: "a page a day says what went wrong, what was rolled out, scaled and backed up, and what it cost",
        play: people::the_day,
    },
];

fn first_push(stage: &mut Stage<'_>) -> Result<(), String> {
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
    ];
    tag_service(stage.stack, &stage.web, &tags);
    stage.decided("the repository shop/web has no tag like RC_x.x.x")?;
    stage.wait_until_idle()?;
    let digest = stage.push("RC_1.4.1", &["amd64", "arm64"], "one");
    stage.rolled_out("RC_1.4.1", &digest)
}

fn same_digest(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.push("RC_1.4.1", &["amd64", "arm64"], "one");
    stage.decided("already runs RC_1.4.1")?;
    stage.wait_until_idle()?;
    stage.unchanged(1)
}

fn wrong_platform(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.push("RC_1.4.2", &["amd64"], "two");
    stage.told("held - image has no linux/arm64")?;
    stage.wait_until_idle()?;
    stage.unchanged(1)?;
    let digest = stage.push("RC_1.4.2", &["amd64", "arm64"], "two");
    stage.rolled_out("RC_1.4.2", &digest)
}

fn lost_event(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.stack.control("settings", json!({"events": false}));
    let digest = stage.push("RC_1.4.3", &["arm64"], "three");
    stage.stack.control("settings", json!({"events": true}));
    stage.unchanged(2)?;
    stage
        .story
        .line("stack", "five minutes pass; the sweep runs");
    stage.stack.sweep();
    stage.rolled_out("RC_1.4.3", &digest)
}

fn bad_tag(stage: &mut Stage<'_>) -> Result<(), String> {
    let image = image(REPOSITORY, "RC_1.4.0");
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:deploy", "tga=RC_x.x.x repo=shop/web"),
    ];
    let service = NewService {
        cluster: "shop",
        name: "worker",
        image: &image,
        architecture: "ARM64",
        tags: &tags,
    };
    let worker = create_service(stage.stack, &service);
    stage.told("shop/worker: invalid tag lamplighter:deploy - its operations are disabled")?;
    stage.wait_until_idle()?;
    stage.stack.sweep();
    stage.wait_until_idle()?;
    stage.told("shop/worker: invalid tag lamplighter:deploy - its operations are disabled")?;
    if deployed_image(stage.stack, &worker) == image {
        stage.unchanged(3)
    } else {
        Err("shop/worker was changed".to_owned())
    }
}
