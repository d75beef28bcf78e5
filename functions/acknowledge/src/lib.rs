//! `acknowledge`: the page behind the link in a message, and the button on it that stops the reminders of one incident.
//!
//! Anybody can call it, so that it can do next to nothing: it reads the key that links are sealed with, remembers which
//! were used, and puts one notice into the queue, which is what the tag `lamplighter:ack` does as well.

mod page;

use std::cell::OnceCell;
use std::rc::Rc;

use jiff::Timestamp;
use lamplighter::ParameterError;
use lamplighter::engine::Invocation;
use lamplighter::model::Arn;
use lamplighter::notify::{ACKNOWLEDGED, Message, Notice, Outbox, console_link};
use lamplighter::policy::LINKS_VARIABLE;
use lamplighter::{AwsError, Error, MalformedEvent};
use lamplighter_aws::lambda;
use lamplighter_aws::signed_link::{Followed, Links};
use lamplighter_aws::{DynamoLedger, NoticeQueue, Secret, config};
use serde_json::{Value, json};

/// The whole of the function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn serve() -> Result<(), lambda::Failure> {
    lambda::serve(|defaults| {
        defaults.require(&["table", "notices", "topic"])?;
        let Some(links) = defaults.sealed_links else {
            let problem = "it is missing; infra/template.yaml sets it".to_owned();
            return Err(ParameterError {
                parameter: LINKS_VARIABLE.to_owned(),
                problem,
            }
            .into());
        };
        let config = config()?;
        let page = Rc::new(Acknowledge {
            used: DynamoLedger::new(config.clone(), &defaults.table),
            key: Secret::new(config.clone(), &links.key),
            outbox: NoticeQueue::new(config, &defaults.notices),
            topic: Arn::new(&defaults.topic),
            stack: defaults.stack,
            links: OnceCell::new(),
            clock: Box::new(lambda::clock),
        });
        Ok(move |payload, _: Invocation| {
            let page = Rc::clone(&page);
            async move { page.answer(&payload).await }
        })
    })
}

/// The function behind its door.
pub struct Acknowledge {
    pub used: DynamoLedger,
    pub key: Secret,
    pub outbox: NoticeQueue,
    /// What is told has this target: the tags of the incident's own are not known here.
    pub topic: Arn,
    pub stack: String,
    pub links: OnceCell<Links>,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl Acknowledge {
    /// Answers a request of the HTTP API.
    ///
    /// # Errors
    /// [`MalformedEvent`] where the payload is no such request.
    /// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    pub async fn answer(&self, payload: &Value) -> Result<Value, Error> {
        let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
        let method = text("/requestContext/http/method").ok_or_else(|| {
            MalformedEvent("not a request of an HTTP API: it has no method".to_owned())
        })?;
        let query = text("/rawQueryString").unwrap_or_default();
        Ok(match self.follow(method, query).await {
            Ok((status, page)) => html(status, &page),
            Err(error) => {
                tracing::error!(error = %error, "an acknowledgement was not taken");
                html(503, &page::later())
            }
        })
    }

    async fn follow(&self, method: &str, query: &str) -> Result<(u16, String), AwsError> {
        let links = if let Some(links) = self.links.get() {
            links
        } else {
            let links = Links::new("", self.key.read().await?);
            self.links.get_or_init(|| links)
        };
        let link = match links.read(query, (self.clock)()) {
            Ok(link) => link,
            Err(bad) => return Ok((403, page::says("Nothing was changed", &bad.to_string()))),
        };
        if self.used.is_used(&link.seal).await? {
            return Ok((410, page::used(&link)));
        }
        match method {
            // Those who scan mails open links, and press no buttons.
            "GET" | "HEAD" => Ok((200, page::asks(&link))),
            "POST" => {
                self.outbox
                    .send(vec![self.notice(&link)])
                    .await
                    .map_err(|unsent| unsent.error)?;
                // Sent first: a function killed in between leaves a link that can be used again, which changes nothing.
                self.used.use_up(&link.seal, link.until).await?;
                tracing::info!(incident = link.incident, "acknowledged by a link");
                Ok((200, page::done(&link)))
            }
            _ => Ok((
                405,
                page::says("Nothing was changed", "Only GET and POST are answered."),
            )),
        }
    }

    /// What `alert` knows an acknowledgement by.
    fn notice(&self, link: &Followed) -> Notice {
        let message = Message::info("acknowledged by a link")
            .once(format!("{ACKNOWLEDGED}{}", link.incident));
        Notice {
            message,
            at: (self.clock)(),
            operation: "acknowledge".to_owned(),
            target: self.topic.clone(),
            name: link.name.clone(),
            app: None,
            stack: self.stack.clone(),
            link: console_link(&self.topic),
            silenced_until: None,
        }
    }
}

/// Nothing but the page itself is loaded, it is kept by nobody, and its address is given to nobody.
fn html(status: u16, page: &str) -> Value {
    json!({
        "statusCode": status,
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex",
        },
        "body": page,
    })
}
