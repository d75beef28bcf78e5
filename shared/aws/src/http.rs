//! Asking an address that a user names, or telling it something. It may be anybody's, so that what is reached is bounded: http and https alone, no
//! redirect is followed, no address of this machine or of its metadata whatever the name resolves to, one short answer.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use lamplighter::model::Answer;

/// From the first look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Of an answer no more is read.
const MOST_BYTES: u64 = 65_536;
/// Of what is wrong no more is passed on.
const LETTERS: usize = 200;

/// Asks once: a status of 2xx within five seconds, with this text in it if one is given. `local`: addresses of this machine
/// may be asked too, for a stack that is on it.
#[must_use]
pub fn ask(url: &str, expect: Option<&str>, local: bool) -> Answer {
    let problem = get(url, expect, local)
        .err()
        .map(|problem| problem.chars().take(LETTERS).collect());
    Answer {
        url: url.to_owned(),
        problem,
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub status: u16,
    /// Seconds, where the answer says when to come again.
    pub retry_after: Option<u32>,
    /// No more than 64 KiB of it.
    pub body: String,
}

/// Sends a document once. `local` as in [`ask`]; elsewhere only https is used.
///
/// # Errors
/// What is wrong, without the address, which may be a secret.
pub fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    local: bool,
) -> Result<Posted, String> {
    if !local && !url.starts_with("https://") {
        return Err("its address does not begin with https://".to_owned());
    }
    let mut request = agent(local)
        .post(url)
        .header("content-type", "application/json; charset=utf-8");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let unsaid = |error: ureq::Error| -> String {
        error
            .to_string()
            .replace(url, "the address")
            .chars()
            .take(LETTERS)
            .collect()
    };
    let mut answer = request.send(body).map_err(unsaid)?;
    let retry_after = answer
        .headers()
        .get("retry-after")
        .and_then(|after| after.to_str().ok()?.parse().ok());
    let status = answer.status().as_u16();
    let text = answer
        .body_mut()
        .with_config()
        .limit(MOST_BYTES)
        .lossy_utf8(true)
        .read_to_string()
        .map_err(unsaid)?;
    Ok(Posted {
        status,
        retry_after,
        body: text,
    })
}

fn agent(local: bool) -> ureq::Agent {
    let config = Config::builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent("Lamplighter")
        .build();
    ureq::Agent::with_parts(config, DefaultConnector::default(), Guarded { local })
}

fn get(url: &str, expect: Option<&str>, local: bool) -> Result<(), String> {
    let mut answer = agent(local)
        .get(url)
        .call()
        .map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    if (300..400).contains(&status) {
        let to = answer
            .headers()
            .get("location")
            .and_then(|to| to.to_str().ok())
            .unwrap_or("somewhere else");
        return Err(format!(
            "it answers {status} and points to {to}, which is not followed"
        ));
    }
    if !(200..300).contains(&status) {
        return Err(format!("it answers {status}"));
    }
    let Some(expect) = expect else { return Ok(()) };
    let body = answer
        .body_mut()
        .with_config()
        .limit(MOST_BYTES)
        .lossy_utf8(true)
        .read_to_string();
    let body = body.map_err(|error| format!("its answer can't be read: {error}"))?;
    if body.contains(expect) {
        Ok(())
    } else {
        Err(format!("it answers {status} without \"{expect}\" in it"))
    }
}

/// ProbeStreak a name up as everybody does, and lets no address through that is not for others.
#[derive(Debug)]
struct Guarded {
    local: bool,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        match found
            .iter()
            .find(|address| is_forbidden(address.ip(), self.local))
        {
            Some(address) => {
                let said = format!(
                    "{} is an address of this machine or its surroundings, which is not asked",
                    address.ip()
                );
                Err(ureq::Error::Other(said.into()))
            }
            None => Ok(found),
        }
    }
}

/// Metadata of instances and tasks stand at link-local addresses, and Lambda's own API at a loopback one.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
fn is_forbidden(address: IpAddr, local: bool) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let own = v4.is_loopback() && !local;
            own || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            let own = v6.is_loopback() && !local;
            own || v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6 == METADATA
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use rstest::rstest;

    use super::*;

    /// The address of a server that gives this answer once.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        });
        format!("http://{address}/health")
    }

    #[rstest]
    #[case::well("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", None, None)]
    #[case::with_the_text("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Some("ok"), None)]
    #[case::without_it(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        Some("ok"),
        Some("it answers 200 without \"ok\" in it")
    )]
    #[case::ill(
        "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n",
        None,
        Some("it answers 503")
    )]
    #[case::elsewhere(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        None,
        Some("it answers 302 and points to http://169.254.169.254/, which is not followed")
    )]
    fn what_a_server_answers(
        #[case] answer: &'static str,
        #[case] expect: Option<&str>,
        #[case] problem: Option<&str>,
    ) {
        assert_eq!(
            ask(&server(answer), expect, true).problem.as_deref(),
            problem
        );
    }

    #[rstest]
    #[case::by_number("http://169.254.169.254/latest/meta-data/", true)]
    #[case::of_tasks("http://169.254.170.2/v2/credentials", true)]
    #[case::in_other_words("http://[::ffff:169.254.169.254]/", true)]
    #[case::of_this_machine("http://127.0.0.1:9001/2018-06-01/runtime/invocation/next", false)]
    #[case::by_name("http://localhost:9001/", false)]
    #[case::unspecified("http://0.0.0.0:9001/", true)]
    fn what_is_never_asked(#[case] url: &str, #[case] local: bool) {
        let problem = ask(url, None, local).problem.unwrap();
        assert!(problem.contains("which is not asked"), "{problem}");
    }

    #[test]
    fn nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(
            ask(&format!("http://{address}/"), None, true)
                .problem
                .is_some()
        );
    }
}
