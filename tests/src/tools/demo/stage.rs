//! The stage of the scenes: the local stack with a shop in it, and what a scene waits for.

use std::thread::sleep;
use std::time::Duration;

use e2e::testkit::ledger::is_idle;
use e2e::testkit::stack::{Stack, within};
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, image, push_image,
};
use serde_json::Value;

use crate::story::Story;

/// How long anything that must follow may take.
const PATIENCE: Duration = Duration::from_mins(2);
pub const REPOSITORY: &str = "shop/web";

pub struct Scene {
    pub title: &'static str,
    pub proves: &'static str,
    pub play: fn(&mut Stage<'_>) -> Result<(), String>,
}

/// The local stack with a shop in it.
pub struct Stage<'a> {
    pub stack: &'a Stack,
    pub story: Story,
    pub web: String,
}

impl<'a> Stage<'a> {
    pub fn new(stack: &'a Stack, story: Story) -> Self {
        create_repository(stack, REPOSITORY);
        let image = image(REPOSITORY, "RC_1.4.0");
        let service = NewService {
            cluster: "shop",
            name: "web",
            image: &image,
            architecture: "ARM64",
            tags: &[],
        };
        let web = create_service(stack, &service);
        story.line(
            "stack",
            &format!("shop/web runs {image} on ARM64, untagged"),
        );
        Self { stack, story, web }
    }

    pub fn play(&mut self, scene: &Scene) -> Result<(), String> {
        self.story.heading(scene.title);
        let result = (scene.play)(self);
        self.story.catch_up(self.stack);
        result
    }

    pub fn push(&self, tag: &str, architectures: &[&str], content: &str) -> String {
        push_image(self.stack, REPOSITORY, tag, architectures, content)
    }

    /// Mails whose subject says it; where a release was live before its begin was told, the one mail of its service has both.
    pub fn mails(&self, subject: &str) -> usize {
        let mail = self.stack.mail();
        let says = |mail: &Value, key: &str, text: &str| {
            mail[key].as_str().is_some_and(|said| said.contains(text))
        };
        let own = mail
            .iter()
            .filter(|mail| says(mail, "subject", subject))
            .count();
        if own > 0 {
            return own;
        }
        let (target, title) = subject.split_once(": ").unwrap_or(("", subject));
        mail.iter()
            .filter(|mail| says(mail, "subject", target) && says(mail, "body", title))
            .count()
            .min(1)
    }

    /// Waits until something holds, and tells meanwhile what happens.
    pub fn wait(&mut self, mut holds: impl FnMut(&Self) -> bool) -> Result<(), ()> {
        let held = within(PATIENCE, || {
            self.story.catch_up(self.stack);
            holds(self).then_some(())
        });
        held.ok_or(())
    }

    /// The service runs this digest, and one mail says so.
    pub fn rolled_out(&mut self, tag: &str, digest: &str) -> Result<(), String> {
        self.wait(|stage| deployed_image(stage.stack, &stage.web).ends_with(digest))
            .map_err(|()| format!("{tag} was not rolled out"))?;
        self.told(&format!("deploying {tag}"))?;
        self.wait_until_idle()
    }

    /// At least one mail says this: each of several steps has one, and those of the same minutes share it.
    pub fn told_of_steps(&mut self, subject: &str) -> Result<(), String> {
        self.wait(|stage| stage.mails(subject) > 0)
            .map_err(|()| format!("no mail says {subject:?}"))
    }

    pub fn told(&mut self, subject: &str) -> Result<(), String> {
        self.told_of_steps(subject)?;
        match self.mails(subject) {
            1 => Ok(()),
            n => Err(format!("{n} mails say {subject:?}")),
        }
    }

    /// Nobody holds a target any more: what was begun is done.
    pub fn wait_until_idle(&mut self) -> Result<(), String> {
        self.wait(|stage| is_idle(stage.stack))
            .map_err(|()| "what events began is not over, or a target is still held")?;
        // The function's log is written after its answer.
        sleep(Duration::from_millis(200));
        self.story.catch_up(self.stack);
        Ok(())
    }

    /// A decision with this reason was logged.
    pub fn decided(&mut self, reason: &str) -> Result<(), String> {
        self.wait(|stage| stage.stack.logs().contains(reason))
            .map_err(|()| format!("nothing was decided because {reason:?}"))
    }

    pub fn unchanged(&self, updates: usize) -> Result<(), String> {
        let now = self.stack.calls_of("UpdateService");
        if now == updates {
            Ok(())
        } else {
            Err(format!("{now} updates instead of {updates}"))
        }
    }
}
