//! Signatures of webhooks, as Standard Webhooks specifies them.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use aws_smithy_types::base64;

use crate::hmac_sha256::sign;

/// Precedes a key that is base64.
const KEY_PREFIX: &str = "whsec_";

/// Reports whether a key can be used: what follows `whsec_` is base64.
#[must_use]
pub fn is_valid_key(key: &str) -> bool {
    decode_key(key).is_some_and(|key| !key.is_empty())
}

/// Returns the bytes of a key; `None` if it should be base64 and isn't.
fn decode_key(key: &str) -> Option<Vec<u8>> {
    match key.strip_prefix(KEY_PREFIX) {
        Some(encoded) => base64::decode(encoded).ok(),
        None => Some(key.as_bytes().to_vec()),
    }
}

/// Returns `v1,` and the base64 of the HMAC-SHA256 of identifier, time in seconds and body, divided by dots.
///
/// A key that begins with `whsec_` is base64 from there on, see [`is_valid_key`]; any other key is taken as it is.
#[must_use]
pub fn sign_webhook(key: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = decode_key(key).unwrap_or_else(|| key.as_bytes().to_vec());
    let signature = sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", base64::encode(signature))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `printf 'msg_1.1795321829.{"a":1}' | openssl dgst -sha256 -hmac key -binary | base64`
    #[rstest]
    #[case::as_it_is("key")]
    #[case::encoded("whsec_a2V5")]
    fn a_signature_is_that_of_openssl(#[case] key: &str) {
        assert_eq!(
            sign_webhook(key, "msg_1", 1_795_321_829, r#"{"a":1}"#),
            "v1,2TR9amDb8/iNMtpFN8wjqN1ld+jzU788hK18P6E67wY="
        );
    }
}
