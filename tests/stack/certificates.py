"""Certificates on listeners: what ACM says about validity and renewal, and which certificates a listener has.

The emulator knows neither DescribeListenerCertificates nor the state of a renewal.
Shapes: https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListenerCertificates.html
"""

import time

from ministack.services import acm, alb

DETAILS = ("RenewalEligibility", "RenewalSummary")


def install() -> None:
    shape = acm._cert_shape
    acm._cert_shape = lambda certificate: {
        **shape(certificate),
        **{key: certificate[key] for key in DETAILS if key in certificate},
    }
    listed = alb._describe_listeners
    # AWS refuses a load balancer that does not exist; the emulator answers an empty list.
    alb._ACTION_MAP["DescribeListeners"] = lambda params: refuse_missing(params) or listed(params)
    alb._ACTION_MAP["DescribeListenerCertificates"] = listener_certificates


def refuse_missing(params):
    arn = alb._p(params, "LoadBalancerArn")
    if arn and arn not in alb._lbs:
        return alb._error("LoadBalancerNotFound", f"One or more load balancers not found: {arn}")
    return None


def listener_certificates(params):
    arn = alb._p(params, "ListenerArn")
    if arn not in alb._listeners:
        return alb._error("ListenerNotFound", f"One or more listeners not found: {arn}")
    certificates = "".join(
        f"<member><CertificateArn>{certificate}</CertificateArn><IsDefault>true</IsDefault></member>"
        for certificate in alb._listeners[arn].get("Certificates", [])
    )
    return alb._xml(200, "DescribeListenerCertificates", f"<Certificates>{certificates}</Certificates>")


def put(request) -> dict:
    """{domain, days, type?, RenewalEligibility?, RenewalSummary?, arn?} → {arn}: makes a certificate that expires in so many
    days, or changes it. ``type``: IMPORTED or AMAZON_ISSUED."""
    arn = request.get("arn") or acm._cert_arn()
    now = time.time()
    acm._certificates[arn] = {
        "CertificateArn": arn,
        "DomainName": request["domain"],
        "Status": "ISSUED",
        "Type": request.get("type", "IMPORTED"),
        "CreatedAt": now,
        "NotAfter": now + request["days"] * 24 * 3600,
        **{key: request[key] for key in DETAILS if key in request},
    }
    return {"arn": arn}
