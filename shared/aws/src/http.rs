//! HTTP requests to user-configured URLs: health probes and outgoing notifications.
//!
//! A URL may point anywhere, so the client is restricted against server-side request forgery:
//!
//! - Only http and https are used, and redirects are not followed.
//! - Local and metadata addresses are rejected, whatever the name resolves to.
//! - The time-out and the size of the response are limited.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use lamplighter::model::ProbeResult;

/// Time-out of a whole request, from name resolution to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of bytes read from a response body.
const MAX_BODY_BYTES: u64 = 65_536;
/// Maximum number of characters of a problem description.
const MAX_PROBLEM_CHARS: usize = 200;

/// The header of a JSON document.
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// Probes a URL once.
///
/// The probe succeeds on a 2xx status within five seconds, with the text `expect` in the body if
/// one is given. `local` also allows loopback addresses, for a local stack.
#[must_use]
pub fn probe_url(url: &str, expect: Option<&str>, local: bool) -> ProbeResult {
    let problem = check_url(url, expect, local)
        .err()
        .map(|problem| problem.chars().take(MAX_PROBLEM_CHARS).collect());
    ProbeResult {
        url: url.to_owned(),
        problem,
    }
}

/// The response to a POST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostResponse {
    pub status: u16,
    /// Value of the `retry-after` header, in seconds.
    pub retry_after: Option<u32>,
    /// The response body, up to 64 KiB.
    pub body: String,
}

/// Posts a JSON document once, see [`post`].
///
/// # Errors
/// A description of the problem without the URL, which may be a secret.
pub fn post_json(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    local: bool,
) -> Result<PostResponse, String> {
    let headers = [&[JSON][..], headers].concat();
    post(url, &headers, body, local)
}

/// Posts a body once, without retries.
///
/// `local` allows http and loopback addresses; otherwise the URL must be https.
///
/// # Errors
/// A description of the problem without the URL, which may be a secret.
pub fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    local: bool,
) -> Result<PostResponse, String> {
    if !local && !url.starts_with("https://") {
        return Err("the URL does not start with https://".to_owned());
    }
    let mut request = build_agent(local).post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request
        .send(body)
        .map_err(|error| describe_without_url(&error, url))?;
    let retry_after = answer
        .headers()
        .get("retry-after")
        .and_then(|after| after.to_str().ok()?.parse().ok());
    let status = answer.status().as_u16();
    let text = answer
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .lossy_utf8(true)
        .read_to_string()
        .map_err(|error| describe_without_url(&error, url))?;
    Ok(PostResponse {
        status,
        retry_after,
        body: text,
    })
}

/// Describes an error without the URL, which may be a secret.
fn describe_without_url(error: &ureq::Error, url: &str) -> String {
    error
        .to_string()
        .replace(url, "the URL")
        .chars()
        .take(MAX_PROBLEM_CHARS)
        .collect()
}

fn build_agent(local: bool) -> ureq::Agent {
    let config = Config::builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent("Lamplighter")
        .build();
    ureq::Agent::with_parts(
        config,
        DefaultConnector::default(),
        GuardedResolver { local },
    )
}

fn check_url(url: &str, expect: Option<&str>, local: bool) -> Result<(), String> {
    let mut answer = build_agent(local)
        .get(url)
        .call()
        .map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    if (300..400).contains(&status) {
        let location = answer
            .headers()
            .get("location")
            .and_then(|location| location.to_str().ok())
            .unwrap_or("another URL");
        return Err(format!(
            "HTTP {status} to {location}: redirects are not followed"
        ));
    }
    if !(200..300).contains(&status) {
        return Err(format!("HTTP {status}"));
    }
    let Some(expect) = expect else { return Ok(()) };
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .lossy_utf8(true)
        .read_to_string();
    let body =
        body.map_err(|error| format!("HTTP {status}, but the body can't be read: {error}"))?;
    if body.contains(expect) {
        Ok(())
    } else {
        Err(format!(
            "HTTP {status}, but the body does not contain \"{expect}\""
        ))
    }
}

/// A resolver that uses the default name resolution and rejects forbidden addresses.
#[derive(Debug)]
struct GuardedResolver {
    local: bool,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        match found
            .iter()
            .find(|address| is_forbidden_address(address.ip(), self.local))
        {
            Some(address) => {
                let problem = format!(
                    "{} is a local or metadata address, which Lamplighter never requests",
                    address.ip()
                );
                Err(ureq::Error::Other(problem.into()))
            }
            None => Ok(found),
        }
    }
}

/// Reports whether requests to an address are forbidden.
///
/// The metadata of instances and tasks has link-local addresses, and Lambda's own API has a
/// loopback address.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
fn is_forbidden_address(address: IpAddr, local: bool) -> bool {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            (v4.is_loopback() && !local)
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            (v6.is_loopback() && !local)
                || v6.is_unicast_link_local()
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
    #[case::healthy("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", None, None)]
    #[case::with_the_expected_text(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Some("ok"),
        None
    )]
    #[case::without_the_expected_text(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        Some("ok"),
        Some("HTTP 200, but the body does not contain \"ok\"")
    )]
    #[case::unavailable(
        "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n",
        None,
        Some("HTTP 503")
    )]
    #[case::redirect(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        None,
        Some("HTTP 302 to http://169.254.169.254/: redirects are not followed")
    )]
    fn a_probe_reports_the_problem_of_a_response(
        #[case] answer: &'static str,
        #[case] expect: Option<&str>,
        #[case] problem: Option<&str>,
    ) {
        assert_eq!(
            probe_url(&server(answer), expect, true).problem.as_deref(),
            problem
        );
    }

    #[rstest]
    #[case::instance_metadata("http://169.254.169.254/latest/meta-data/", true)]
    #[case::task_credentials("http://169.254.170.2/v2/credentials", true)]
    #[case::ipv4_in_ipv6("http://[::ffff:169.254.169.254]/", true)]
    #[case::lambda_api("http://127.0.0.1:9001/2018-06-01/runtime/invocation/next", false)]
    #[case::localhost_by_name("http://localhost:9001/", false)]
    #[case::unspecified("http://0.0.0.0:9001/", true)]
    fn local_and_metadata_addresses_are_never_requested(#[case] url: &str, #[case] local: bool) {
        let problem = probe_url(url, None, local).problem.unwrap();
        assert!(
            problem.contains("which Lamplighter never requests"),
            "{problem}"
        );
    }

    #[test]
    fn a_refused_connection_is_a_problem() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(
            probe_url(&format!("http://{address}/"), None, true)
                .problem
                .is_some()
        );
    }
}
