//! HMAC-SHA256 in the spellings that links and webhooks use.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns the HMAC-SHA256 of a message.
#[must_use]
pub fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    build_mac(key, message).map_or_else(Vec::new, |mac| mac.finalize().into_bytes().to_vec())
}

/// Returns the HMAC-SHA256 of a message in lower-case hexadecimal.
#[must_use]
pub fn sign_in_hex(key: &[u8], message: &[u8]) -> String {
    sign(key, message)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Reports whether a signature in lower-case hexadecimal is that of a message. Compares in constant time.
#[must_use]
pub fn is_signed_in_hex(key: &[u8], message: &[u8], signature: &str) -> bool {
    let Some(signature) = decode_hex(signature) else {
        return false;
    };
    build_mac(key, message).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

/// Builds the HMAC of a message. HMAC accepts keys of any length, so this never returns `None`.
fn build_mac(key: &[u8], message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac)
}

/// Decodes a signature from exactly 64 lower-case hexadecimal digits. Used links are recorded by the spelling of their
/// signature, so each has one.
fn decode_hex(signature: &str) -> Option<Vec<u8>> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if signature.len() != 64 || !signature.as_bytes().iter().all(is_digit) {
        return None;
    }
    signature
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &[u8] = b"Jefe";
    const MESSAGE: &[u8] = b"what do ya want for nothing?";
    const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn a_signature_is_the_one_of_rfc_4231() {
        assert_eq!(sign_in_hex(KEY, MESSAGE), SIGNATURE);
        assert!(is_signed_in_hex(KEY, MESSAGE, SIGNATURE));
    }

    #[test]
    fn another_message_key_or_spelling_is_not_signed() {
        assert!(!is_signed_in_hex(KEY, b"what", SIGNATURE));
        assert!(!is_signed_in_hex(b"", MESSAGE, SIGNATURE));
        for signature in [&SIGNATURE.to_uppercase(), &SIGNATURE[1..], "", "\u{e9}"] {
            assert!(!is_signed_in_hex(KEY, MESSAGE, signature), "{signature}");
        }
    }
}
