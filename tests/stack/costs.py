"""Cost Explorer, which the emulator has not got: GetCostAndUsage by a tag and by service, the same amounts every day."""

from datetime import date, timedelta

# By tag key: (value, service, dollars a day).
SPENT = {
    "lamplighter:app": [
        ("shop", "Amazon Elastic Container Service", "8.10"),
        ("shop", "Amazon Relational Database Service", "4.30"),
        ("", "AmazonCloudWatch", "1.00"),
    ],
    "aws:cloudformation:stack-name": [("lamplighter", "AWS Lambda", "0.03")],
}


def get_cost_and_usage(request, _scope):
    """Groups of every day of the period; AWS names them ``tag$value``."""
    tag = next(group["Key"] for group in request["GroupBy"] if group["Type"] == "TAG")
    day, end = (date.fromisoformat(request["TimePeriod"][key]) for key in ("Start", "End"))
    days = []
    while day < end:
        groups = [
            {"Keys": [f"{tag}${of}", service], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}
            for of, service, amount in SPENT.get(tag, [])
        ]
        period = {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()}
        days.append({"TimePeriod": period, "Groups": groups, "Total": {}, "Estimated": False})
        day += timedelta(days=1)
    return 200, {"ResultsByTime": days, "DimensionValueAttributes": []}
