//! `acknowledge`: serves the page behind the link in a message; its button stops the reminders of
//! one incident.
//!
//! The page is public, so the function can do very little. It reads the key that signs links,
//! records which links were used, and queues one notification. The tag `lamplighter:ack` has the
//! same effect.

mod page;

use std::cell::OnceCell;
use std::rc::Rc;

use jiff::Timestamp;
use lamplighter::engine::Invocation;
use lamplighter::model::Arn;
use lamplighter::notify::{Notification, Outbox};
use lamplighter::policy::LINKS_VARIABLE;
use lamplighter::{AwsError, Error, Function, MalformedEvent, ParameterError};
use lamplighter_aws::lambda;
use lamplighter_aws::signed_link::{LinkSigner, VerifiedLink};
use lamplighter_aws::{DynamoLedger, NotificationQueue, Secret, build_sdk_config};
use serde_json::{Value, json};

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::StartupError`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|defaults| {
        defaults.require_parts(&["table", "notices", "topic"])?;
        let Some(links) = defaults.sealed_links else {
            return Err(ParameterError {
                parameter: LINKS_VARIABLE.to_owned(),
                problem: "missing; infra/template.yaml sets it".to_owned(),
            }
            .into());
        };
        let config = build_sdk_config()?;
        let page = Rc::new(Acknowledge {
            used: DynamoLedger::new(config.clone(), &defaults.table),
            key: Secret::new(config.clone(), &links.key),
            outbox: NotificationQueue::new(config, &defaults.notices),
            topic: Arn::new(&defaults.topic),
            stack: defaults.stack,
            links: OnceCell::new(),
            clock: Box::new(lambda::read_clock),
        });
        Ok(move |payload, _: Invocation| {
            let page = Rc::clone(&page);
            async move { page.handle_request(&payload).await }
        })
    })
}

/// The `acknowledge` function without its Lambda entry point.
pub struct Acknowledge {
    pub used: DynamoLedger,
    pub key: Secret,
    pub outbox: NotificationQueue,
    /// The target of the notification: the incident's own target is not known here.
    pub topic: Arn,
    pub stack: String,
    pub links: OnceCell<LinkSigner>,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl Acknowledge {
    /// Answers a request of the HTTP API.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the payload is not such a request.
    /// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    pub async fn handle_request(&self, payload: &Value) -> Result<Value, Error> {
        let method = text_at(payload, "/requestContext/http/method").ok_or_else(|| {
            MalformedEvent("not a request of an HTTP API: it has no method".to_owned())
        })?;
        let query = text_at(payload, "/rawQueryString").unwrap_or_default();
        Ok(match self.follow_link(method, query).await {
            Ok((status, page)) => html_response(status, &page),
            Err(error) => {
                tracing::error!(error = %error, "an acknowledgement was not saved");
                html_response(503, &page::render_unavailable())
            }
        })
    }

    /// Verifies the link and acknowledges its incident where the button was pressed. Returns the
    /// status and the page.
    async fn follow_link(&self, method: &str, query: &str) -> Result<(u16, String), AwsError> {
        let links = self.load_links().await?;
        let link = match links.verify_query(query, (self.clock)()) {
            Ok(link) => link,
            Err(error) => return Ok((403, page::render_rejected(&error.to_string()))),
        };
        if self.used.is_link_used(&link.signature).await? {
            return Ok((410, page::render_already_used(&link)));
        }
        match method {
            // Mail scanners open links, but press no buttons.
            "GET" | "HEAD" => Ok((200, page::render_confirmation(&link))),
            "POST" => {
                self.acknowledge_incident(&link).await?;
                Ok((200, page::render_success(&link)))
            }
            _ => Ok((
                405,
                page::render_rejected("Only GET and POST are supported."),
            )),
        }
    }

    /// Returns the signer of links, whose key is read once.
    async fn load_links(&self) -> Result<&LinkSigner, AwsError> {
        if let Some(links) = self.links.get() {
            return Ok(links);
        }
        let links = LinkSigner::new("", self.key.read_text().await?);
        Ok(self.links.get_or_init(|| links))
    }

    /// Sends the notification, then marks the link as used. If the function is killed in between,
    /// the link can be used again, which has no further effect.
    async fn acknowledge_incident(&self, link: &VerifiedLink) -> Result<(), AwsError> {
        let notification = Notification::acknowledgement(
            (&link.incident, "a link"),
            Function::Acknowledge,
            (&self.topic, &self.stack),
            (self.clock)(),
        );
        self.outbox
            .send(vec![notification])
            .await
            .map_err(|unsent| unsent.error)?;
        self.used
            .mark_link_used(&link.signature, link.until)
            .await?;
        tracing::info!(incident = link.incident, "acknowledged by a link");
        Ok(())
    }
}

/// Returns the text at a JSON pointer.
fn text_at<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload.pointer(pointer).and_then(Value::as_str)
}

/// Builds the HTTP response. Its headers forbid other content, caching, indexing and sending the
/// address to other sites.
fn html_response(status: u16, page: &str) -> Value {
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
