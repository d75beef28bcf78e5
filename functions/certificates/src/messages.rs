//! Messages of `certificates`.

use lamplighter::model::{Certificate, PendingDomain, Renewal, pluralize};
use lamplighter::notify::{CERTIFICATE_PREFIX, Message};

use crate::observed::SharedCertificate;
use crate::risk::Risk;

/// The number of domains that a message lists.
const MAX_LISTED_DOMAINS: usize = 3;

/// Builds the message about a certificate that expires soon, or whose end is unknown.
pub fn at_risk(shared: &SharedCertificate, risk: Risk) -> Message {
    let certificate = &shared.certificate;
    let condition = condition(certificate);
    let message = match risk {
        Risk::Unknown => Message::warning(title_of_unknown(certificate)),
        Risk::ExpiresWithin(days) if days > 3 => Message::warning(title(certificate, risk)),
        Risk::ExpiresWithin(_) | Risk::Expired => Message::critical(title(certificate, risk)),
    };
    message
        .action(describe_next_report(risk))
        .why(explain(shared, risk))
        .next(next_step(certificate))
        .deduplicated_by(format!("{condition}:{}", risk.key()))
        .fires(condition)
}

/// Describes when the certificate is reported again.
fn describe_next_report(risk: Risk) -> String {
    let when = match risk {
        Risk::ExpiresWithin(30) => "14 and 3 days before it expires, and when it is renewed",
        Risk::ExpiresWithin(14) => "3 days before it expires, and when it is renewed",
        Risk::ExpiresWithin(_) => "when it expires or is renewed",
        Risk::Unknown | Risk::Expired => "when it is replaced",
    };
    format!("Lamplighter changes no certificate. It reports this one again {when}.")
}

pub fn renewed(certificate: &Certificate) -> Message {
    let until = certificate.expires_at.map_or(String::new(), |at| {
        format!(", valid until {}", at.strftime("%F"))
    });
    Message::info(format!(
        "certificate of {} renewed{until}",
        certificate.domain
    ))
    .why("ACM has the new certificate, and the load balancer uses it.")
    .next("Nothing to do.")
    .clears(condition(certificate))
}

pub fn no_longer_used(certificate: &Certificate) -> Message {
    Message::info(format!(
        "certificate of {} no longer used",
        certificate.domain
    ))
    .why("No load balancer in front of this service uses it any more.")
    .next("Nothing to do.")
    .clears(condition(certificate))
}

/// Builds the message about a certificate that is reported for another service from now on.
pub fn moved(certificate: &Certificate, owner: &str) -> Message {
    Message::info(format!(
        "certificate of {} reported for {owner} from now on",
        certificate.domain
    ))
    .why("Several services share it. Lamplighter reports it for the first of them by ARN.")
    .next(format!("See the notifications about {owner}."))
    .clears(condition(certificate))
}

/// Returns the condition that fires while a certificate is at risk.
fn condition(certificate: &Certificate) -> String {
    format!("{CERTIFICATE_PREFIX}{}", certificate.arn.display_name())
}

fn title(certificate: &Certificate, risk: Risk) -> String {
    let domain = &certificate.domain;
    let day = certificate
        .expires_at
        .map_or(String::new(), |at| at.strftime("%F").to_string());
    let when = match risk {
        Risk::ExpiresWithin(days) => format!("expires within {days} days ({day})"),
        Risk::Unknown | Risk::Expired => format!("expired on {day}"),
    };
    format!(
        "certificate of {domain} {when} - {}",
        describe_renewal(&certificate.renewal)
    )
}

fn title_of_unknown(certificate: &Certificate) -> String {
    format!(
        "expiry of certificate {} unknown - stored in IAM",
        certificate.domain
    )
}

/// Describes why nothing renews the certificate in time, for a title.
fn describe_renewal(renewal: &Renewal) -> String {
    match renewal {
        Renewal::Imported => "imported, not renewed by ACM".to_owned(),
        Renewal::StoredInIam => "stored in IAM".to_owned(),
        Renewal::Ineligible => "not eligible for renewal by ACM".to_owned(),
        Renewal::PendingValidation(domains) => match domains.as_slice() {
            [one] => format!("renewal waits for validation of {}", one.name),
            several => format!("renewal waits for validation of {} domains", several.len()),
        },
        Renewal::Failed(reason) => format!("renewal failed ({reason})"),
        Renewal::Automatic => "not renewed by ACM yet".to_owned(),
    }
}

fn explain(shared: &SharedCertificate, risk: Risk) -> String {
    let certificate = &shared.certificate;
    let end = certificate.expires_at.map(|at| at.strftime("%F %H:%M UTC"));
    let effect = match (risk, end) {
        (Risk::ExpiresWithin(_), Some(end)) => {
            format!("From {end} on, clients refuse to connect.")
        }
        (Risk::Expired, Some(end)) => format!("Since {end}, clients refuse to connect."),
        (Risk::Unknown, _) | (_, None) => {
            "Lamplighter reads the end of certificates in ACM only, and nothing renews those in IAM.".to_owned()
        }
    };
    let names: Vec<&str> = certificate
        .load_balancers
        .iter()
        .map(|arn| load_balancer_name(arn))
        .collect();
    format!(
        "{effect} Load balancer: {}. Services behind it: {}. Certificate: {}.",
        names.join(", "),
        shared.services.join(", "),
        certificate.arn
    )
}

/// Returns the name in the ARN of a load balancer: `…:loadbalancer/app/NAME/ID`.
fn load_balancer_name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

/// Returns what a person has to do, with the command or the record.
fn next_step(certificate: &Certificate) -> String {
    let (arn, domain) = (&certificate.arn, &certificate.domain);
    match &certificate.renewal {
        Renewal::Imported => format!(
            "Get a new certificate for {domain}, and import it under the same ARN: aws acm import-certificate \
             --region {} --certificate-arn {arn} --certificate fileb://certificate.pem --private-key fileb://key.pem \
             --certificate-chain fileb://chain.pem",
            arn.region()
        ),
        Renewal::PendingValidation(domains) => validate_domains(domains),
        Renewal::Failed(_) | Renewal::Ineligible => format!(
            "Request a new certificate for {domain} in ACM, validate it, and choose it in the listener of the load balancer."
        ),
        Renewal::Automatic => format!(
            "Look up why ACM has not renewed it: aws acm describe-certificate --region {} --certificate-arn {arn}",
            arn.region()
        ),
        Renewal::StoredInIam => {
            "Request the certificate in ACM, or import it there, and choose it in the listener of the load balancer.".to_owned()
        }
    }
}

/// Returns how to validate domains. ACM renews the certificate by itself afterwards.
fn validate_domains(domains: &[PendingDomain]) -> String {
    let listed = domains.iter().take(MAX_LISTED_DOMAINS);
    let steps: Vec<String> = listed.map(validate_domain).collect();
    let left = domains.len() - steps.len();
    let rest = if left == 0 {
        String::new()
    } else {
        format!("; {} more in the ACM console", pluralize(left, "domain"))
    };
    format!(
        "{}{rest}. ACM renews the certificate once every domain is validated.",
        steps.join("; ")
    )
}

fn validate_domain(domain: &PendingDomain) -> String {
    match &domain.record {
        Some((name, value)) => format!("Create the DNS record {name} CNAME {value}"),
        None => format!(
            "Follow the link in the e-mail that ACM sent to the owner of {}",
            domain.name
        ),
    }
}
