//! Secrets that are known by the shape that their provider gives them.
//!
//! The kinds follow the published rule sets of gitleaks and detect-secrets; the shapes are those that the providers document.
//! Sources: <https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml>,
//! <https://github.com/Yelp/detect-secrets/tree/master/detect_secrets/plugins>

use std::sync::LazyLock;

use regex_lite::Regex;

use super::span::HiddenSpans;

/// The shapes. The first group is the secret, or the whole match without one.
const SHAPES: [&str; 33] = [
    // AWS access keys, and the keys of services that are made like them.
    r"\b(?:AKIA|ASIA|ABIA|ACCA|LTAI)[A-Z0-9]{12,}\b",
    r"\bABSK[A-Za-z0-9+/=]{20,}",
    // GitHub, GitLab, Bitbucket and Atlassian.
    r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,})",
    r"\b(?:gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|oas|imt|ffct)|GR1348941)-?[\w.-]{16,}",
    r"\bAT(?:ATT3|CTT3|BB)[\w=-]{16,}",
    // Slack, Discord, Telegram and Microsoft Teams.
    r"\bxox[a-z](?:\.xox[a-z])?-[\w-]{8,}",
    r"\bxapp-[\w-]{8,}",
    r"hooks\.slack\.com/(?:services|workflows|triggers)/([\w/-]+)",
    r"discord(?:app)?\.com/api/webhooks/\d+/([\w-]+)",
    r"\b[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,}",
    r"(?:\b|bot)(\d{8,10}:AA[\w-]{30,})",
    r"webhook\.office\.com/(\S+)",
    // Payments and shops.
    r"\b(?:sk|rk|pk)_(?:live|test|prod)_\w{8,}",
    r"\bwhsec_[\w+/=]{8,}",
    r"\bshp(?:at|ss|ca|pa)_[A-Fa-f0-9]{16,}",
    r"\b(?:sq0[a-z]{3}-[\w-]{16,}|EAAA[\w-]{20,})",
    // Google.
    r"\bAIza[\w-]{20,}",
    r"\b(?:ya29\.|GOCSPX-|1//0)[\w-]{16,}",
    // Models.
    r"\b(?:sk|pk)-[\w-]{16,}",
    r"\b(?:hf|r8|gsk|xai|pplx|api_org)[_-][A-Za-z0-9]{20,}",
    // Mail and messages.
    r"\bSG\.[\w-]{8,}\.[\w-]{8,}",
    r"\b(?:key-[a-f0-9]{32}|xkeysib-[a-f0-9]{16,}[\w-]*|SK[a-f0-9]{32}|[a-f0-9]{32}-us\d{1,2})\b",
    // Packages, images and hosts.
    r"\b(?:npm_\w{20,}|pypi-[\w-]{16,}|rubygems_\w{16,}|dckr_[po]at_[\w-]{16,}|oy2[a-z0-9]{40,})",
    r"\b(?:do[opr]_v1_\w{16,}|HRKU-[\w-]{16,}|rnd_\w{16,}|fo1_[\w-]{16,}|FlyV1 \S+|tskey-[\w-]{12,})",
    // Vaults, data and observability.
    r"\b(?:hv[sbr]\.[\w-]{8,}|s\.[A-Za-z0-9]{24}\b|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{16,}|dapi[a-f0-9]{20,}(?:-\d)?)",
    r"\b(?:gl(?:sa|c)_[\w+/=-]{16,}|NR(?:AK|II|JS|RA)-\w{16,}|sntry[su]_[\w=+/.-]{16,}|dd[ap]_\w{16,})",
    r"\b(?:lin_api_|fig[doru]{1,2}_|PMAK-|ntn_|secret_|sbp_|pscale_\w+_|pat-(?:na|eu)1-|nfp_|tfp_|pul-)[\w.-]{16,}",
    r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}",
    r"\bAGE-SECRET-KEY-1\w{16,}",
    // JSON Web Tokens, whole or in part.
    r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}=*",
    // Password hashes.
    r"\$(?:2[abxy]?\$\d\d|apr1|1|5|6|y|7|argon2\w*|scrypt)\$[^\s:'\x22]+",
    r"\b(?:pbkdf2_sha\d+|SCRAM-SHA-\d+|bcrypt_sha256)\$[^\s'\x22]+",
    r"\{(?:SSHA|SHA|SMD5|CRYPT|PBKDF2)[\w-]*\}([^\s'\x22]+)",
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    SHAPES
        .iter()
        .filter_map(|shape| Regex::new(shape).ok())
        .collect()
});

pub(super) fn find_shapes(line: &str, hidden: &mut HiddenSpans) {
    for pattern in PATTERNS.iter() {
        for found in pattern.captures_iter(line) {
            if let Some(secret) = found.get(1).or_else(|| found.get(0)) {
                hidden.add(secret.range());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_compiles() {
        assert_eq!(PATTERNS.len(), SHAPES.len());
    }
}
