//! Signed links that stop the reminders of one incident. A link expires and works once.
//!
//! Anyone with the link can use it, as with a password reset link, but only for that incident.
//! Opening the link changes nothing, so that mail scanners are harmless: its page has a button.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::hmac_sha256::{is_signed_in_hex, sign_in_hex};

/// Validity of a link. Each reminder contains a new link.
const VALIDITY: SignedDuration = SignedDuration::from_hours(24);

/// Creates and verifies signed links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSigner {
    /// Base URL of the links, with a trailing slash.
    url: String,
    key: String,
}

/// The content of a link with a valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedLink {
    /// Token of the incident.
    pub incident: String,
    /// Display name of the incident.
    pub name: String,
    pub until: Timestamp,
    /// Signature of the link, which marks it as used.
    pub signature: String,
}

/// The reason why a link is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("This link is incomplete or was changed. Open it from the message again.")]
    Invalid,
    #[error("This link expired at {0}. The newest message about the incident has a new one.")]
    Expired(String),
}

impl LinkSigner {
    #[must_use]
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: key.into(),
        }
    }

    /// Creates a link for the incident with this token, and returns it with its expiry time.
    #[must_use]
    pub fn create_link(&self, incident: &str, name: &str, now: Timestamp) -> (String, Timestamp) {
        let until = now + VALIDITY;
        let seconds = until.as_second().to_string();
        let signed = signed_text(incident, name, &seconds);
        let signature = sign_in_hex(self.key.as_bytes(), signed.as_bytes());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("incident", incident),
                ("name", name),
                ("until", &seconds),
                ("seal", &signature),
            ])
            .finish();
        (format!("{}?{query}", self.url), until)
    }

    /// Verifies the query string of a link and returns its content.
    ///
    /// # Errors
    /// [`LinkError`] if the link is incomplete, altered or expired.
    pub fn verify_query(&self, query: &str, now: Timestamp) -> Result<VerifiedLink, LinkError> {
        let fields: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let incident = require_field(&fields, "incident")?;
        let name = require_field(&fields, "name")?;
        let until = require_field(&fields, "until")?;
        let signature = require_field(&fields, "seal")?;
        let signed = signed_text(incident, name, until);
        if !is_signed_in_hex(self.key.as_bytes(), signed.as_bytes(), signature) {
            return Err(LinkError::Invalid);
        }
        let until = until
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let until = until.ok_or(LinkError::Invalid)?;
        if until < now {
            return Err(LinkError::Expired(
                until.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ));
        }
        Ok(VerifiedLink {
            incident: incident.to_owned(),
            name: name.to_owned(),
            until,
            signature: signature.to_owned(),
        })
    }
}

fn require_field<'a>(
    fields: &'a BTreeMap<String, String>,
    name: &str,
) -> Result<&'a str, LinkError> {
    fields
        .get(name)
        .map(String::as_str)
        .ok_or(LinkError::Invalid)
}

fn signed_text(incident: &str, name: &str, until: &str) -> String {
    format!("{incident}\n{name}\n{until}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACKNOWLEDGE_URL: &str = "https://ack.example/";

    fn now() -> Timestamp {
        "2026-11-21T03:00:00Z".parse().unwrap()
    }

    fn query(link: &str) -> &str {
        link.split_once('?').unwrap().1
    }

    #[test]
    fn a_link_is_valid_until_it_expires() {
        let links = LinkSigner::new(ACKNOWLEDGE_URL, "key");
        let (link, until) = links.create_link("9f79-1795229940", "shop/web & co=1", now());
        assert!(
            link.starts_with("https://ack.example/?incident=9f79-1795229940&name=shop%2Fweb"),
            "{link}"
        );
        let followed = links.verify_query(query(&link), until).unwrap();
        assert_eq!(
            (followed.incident.as_str(), followed.name.as_str()),
            ("9f79-1795229940", "shop/web & co=1")
        );
        let old = links.verify_query(query(&link), until + SignedDuration::from_secs(1));
        assert_eq!(
            old,
            Err(LinkError::Expired("2026-11-22 03:00 UTC".to_owned()))
        );
    }

    #[test]
    fn a_changed_link_or_one_signed_with_another_key_is_invalid() {
        let links = LinkSigner::new(ACKNOWLEDGE_URL, "key");
        let (link, _) = links.create_link("9f79-1795229940", "web", now());
        let query = query(&link);
        let changed = [
            query.replace("9f79", "9f78"),
            query.replace("name=web", "name=db"),
            query.replace("until=1", "until=2"),
            query.replace("until=1", "until=x1"),
            query.replace("seal=", "seal=0"),
            query.replace(
                query.rsplit('=').next().unwrap(),
                &query.rsplit('=').next().unwrap().to_uppercase(),
            ),
            query.split("&seal").next().unwrap().to_owned(),
            "seal=\u{e9}".to_owned(),
            String::new(),
        ];
        for query in changed {
            assert_eq!(
                links.verify_query(&query, now()),
                Err(LinkError::Invalid),
                "{query}"
            );
        }
        assert_eq!(
            LinkSigner::new(ACKNOWLEDGE_URL, "another").verify_query(query, now()),
            Err(LinkError::Invalid)
        );
    }
}
