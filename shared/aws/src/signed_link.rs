//! Links that stop the reminders of one incident: signed, good for a while, and used once.
//!
//! Whoever has the link may follow it, as with a link to reset a password; it can do nothing else. What makes a
//! mail safe to scan is that opening it changes nothing: the page it leads to has a button.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// How long a link is good. A reminder brings a new one.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// HMAC-SHA256 in hexadecimal.
#[must_use]
pub fn seal(key: &str, text: &str) -> String {
    let bytes = mac(key, text).map(|mac| mac.finalize().into_bytes());
    bytes
        .iter()
        .flatten()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A key of any length is one, so that this is never `None`.
fn mac(key: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// Makes and reads links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// Where they lead, with a slash at its end.
    url: String,
    key: String,
}

/// A link that was followed, and is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The incident's token.
    pub incident: String,
    /// What the incident is about, for people.
    pub name: String,
    pub until: Timestamp,
    /// What is remembered once it was used.
    pub seal: String,
}

/// Why a link does nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    #[error("This link is not whole, or was not made here. Open it from the message again.")]
    Untrue,
    #[error("This link was good until {0}. The newest message about the incident has a new one.")]
    Old(String),
}

impl Links {
    #[must_use]
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            key: key.into(),
        }
    }

    /// A link for an incident by its token, and when it ends.
    #[must_use]
    pub fn link(&self, incident: &str, name: &str, now: Timestamp) -> (String, Timestamp) {
        let until = now + GOOD_FOR;
        let seconds = until.as_second().to_string();
        let seal = seal(&self.key, &sealed(incident, name, &seconds));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("incident", incident),
                ("name", name),
                ("until", &seconds),
                ("seal", &seal),
            ])
            .finish();
        (format!("{}?{query}", self.url), until)
    }

    /// Reads the query of a link that somebody followed.
    ///
    /// # Errors
    /// [`BadLink`] where it is not as it was made, or too old.
    pub fn read(&self, query: &str, now: Timestamp) -> Result<Followed, BadLink> {
        let fields: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let field = |name: &str| fields.get(name).map(String::as_str).ok_or(BadLink::Untrue);
        let (incident, name, until, seal) = (
            field("incident")?,
            field("name")?,
            field("until")?,
            field("seal")?,
        );
        let mac = mac(&self.key, &sealed(incident, name, until)).ok_or(BadLink::Untrue)?;
        // In constant time.
        mac.verify_slice(&bytes(seal).ok_or(BadLink::Untrue)?)
            .map_err(|_| BadLink::Untrue)?;
        let until = until
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let until = until.ok_or(BadLink::Untrue)?;
        if until < now {
            return Err(BadLink::Old(
                until.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ));
        }
        Ok(Followed {
            incident: incident.to_owned(),
            name: name.to_owned(),
            until,
            seal: seal.to_owned(),
        })
    }
}

fn sealed(incident: &str, name: &str, until: &str) -> String {
    format!("{incident}\n{name}\n{until}")
}

/// Of a seal as it is made, and no other spelling of it: each is remembered as used.
fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    if hexadecimal.len() != 64 || !hexadecimal.chars().all(is_digit) {
        return None;
    }
    let digits: Option<Vec<u32>> = hexadecimal
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect();
    digits?
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: &str = "https://ack.example/";

    fn now() -> Timestamp {
        "2026-11-21T03:00:00Z".parse().unwrap()
    }

    fn query(link: &str) -> &str {
        link.split_once('?').unwrap().1
    }

    #[test]
    fn a_link_is_read_as_it_was_made_until_it_is_old() {
        let links = Links::new(QUIET, "key");
        let (link, until) = links.link("9f79-1795229940", "shop/web & co=1", now());
        assert!(
            link.starts_with("https://ack.example/?incident=9f79-1795229940&name=shop%2Fweb"),
            "{link}"
        );
        let followed = links.read(query(&link), until).unwrap();
        assert_eq!(
            (followed.incident.as_str(), followed.name.as_str()),
            ("9f79-1795229940", "shop/web & co=1")
        );
        let old = links.read(query(&link), until + SignedDuration::from_secs(1));
        assert_eq!(old, Err(BadLink::Old("2026-11-22 03:00 UTC".to_owned())));
    }

    #[test]
    fn what_was_changed_or_sealed_elsewhere_is_untrue() {
        let links = Links::new(QUIET, "key");
        let (link, _) = links.link("9f79-1795229940", "web", now());
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
            assert_eq!(links.read(&query, now()), Err(BadLink::Untrue), "{query}");
        }
        assert_eq!(
            Links::new(QUIET, "another").read(query, now()),
            Err(BadLink::Untrue)
        );
    }

    #[test]
    fn a_seal_is_what_others_compute() {
        // RFC 4231, test case 2.
        assert_eq!(
            seal("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
