//! Answers of others are not trusted.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use rstest::rstest;

use super::*;

/// The address of a server that gives this answer once.
fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 2_048];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(answer.as_bytes());
    });
    format!("http://{address}/")
}

/// The next host would get the headers with the user's session.
#[test]
fn a_redirect_is_not_followed() {
    let url =
        serve("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n");
    let headers = [("x-amz-security-token".to_owned(), "secret".to_owned())];
    let answer = post_once(&url, &headers, "{}").unwrap();
    assert_eq!(answer.status, 302);
}

#[test]
fn a_failed_function_is_told_from_an_answer() {
    let url = serve(
        "HTTP/1.1 200 OK\r\nx-amz-function-error: Unhandled\r\ncontent-length: 23\r\n\r\n{\"errorMessage\":\"why\"} ",
    );
    let answer = post_once(&url, &[], "{}").unwrap();
    assert!(answer.failed);
    assert_eq!(
        text_at(&read_json(&answer.body), "errorMessage").as_deref(),
        Some("why")
    );
}

/// Log lines of applications are among the texts.
#[test]
fn nothing_in_an_answer_steers_a_terminal() {
    let read = read_json(r#"{"a": ["one\u001b]0;owned\u0007two\nthree"]}"#);
    assert_eq!(read["a"][0], "one]0;ownedtwo\nthree");
}

#[rstest]
#[case::problem(r#"{"problem": "locked", "error": "locked. Send it again"}"#, "locked")]
#[case::message(r#"{"message": "Forbidden"}"#, "Forbidden")]
#[case::no_json("<html>", "HTTP 502")]
fn a_refusal_is_described(#[case] body: &str, #[case] expected: &str) {
    let answer = Answer {
        status: 502,
        body: body.to_owned(),
        failed: false,
    };
    assert_eq!(describe_problem(&answer), expected);
}

#[rstest]
#[case(200, false)]
#[case(409, true)]
#[case(422, false)]
#[case(429, true)]
#[case(503, true)]
fn only_what_may_succeed_is_sent_again(#[case] status: u16, #[case] expected: bool) {
    assert_eq!(is_busy(status), expected);
}
