"""CloudWatch as AWS has it: alarms that look at their own metric, and tell when their state changes.

The emulator evaluates an alarm over all series of a metric's name, keeps no metric math, and sends no event.

Shapes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html; missing
data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import re
import time
from datetime import datetime, timezone

from ministack.services import cloudwatch as cw
from ministack.services import cloudwatch_logs, rds, sns, tagging

from . import emit

MINUTE = 60
# AWS looks a little further back than the evaluation periods; how far is not documented.
LOOKED_BACK = 2
# Minutes within which an alarm that was never on or off can have heard something.
HEARD = 60
# Limits of PutMetricAlarm.
MOST_NAME, MOST_DESCRIPTION, MOST_METRICS = 255, 1024, 10
COMPARISONS = {
    "GreaterThanThreshold": lambda value, bound: value > bound,
    "GreaterThanOrEqualToThreshold": lambda value, bound: value >= bound,
    "LessThanThreshold": lambda value, bound: value < bound,
    "LessThanOrEqualToThreshold": lambda value, bound: value <= bound,
}
# Alarm ARN → its state as last told.
TOLD = {}


def install() -> None:
    """Replaces what differs. Call once, before the emulator starts serving."""
    cw._evaluate_alarm = lambda alarm: None
    tell_changes()
    keep_metric_math()
    answer_with_timestamps()
    list_by_tags()
    show_unconfirmed()


def feed(request: dict) -> dict:
    """Records values by the minute, the newest last, and evaluates every alarm.

    ``{series: [{namespace, name, dimensions, values, samples?}]}``: the last value is of the minute that ended
    last; a value of ``null`` leaves its minute without data; ``samples`` tasks report each value. Values that
    are there already for these minutes are replaced, and a service has run for as long. Answers the alarms' states by name.
    """
    newest = int(time.time()) // MINUTE * MINUTE - MINUTE
    for series in request.get("series", []):
        key = (series["namespace"], series["name"], cw._dims_key(series["dimensions"]))
        first = newest - (len(series["values"]) - 1) * MINUTE
        bucket = cw._metric_bucket(key)
        bucket[:] = [point for point in bucket if not first <= point["Timestamp"] <= newest]
        for n, value in enumerate(series["values"]):
            for _ in range(series.get("samples", 1) if value is not None else 0):
                at = float(first + n * MINUTE)
                cw._store_datum(series["namespace"], series["name"], series["dimensions"], at, "None", value, None, None, None)
        emit.age(series["dimensions"], len(series["values"]) * MINUTE)
    for alarm in list(cw._alarms.values()):
        evaluate(alarm)
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in cw._alarms.values()}


def queries(alarm):
    """What an alarm measures, in the form of metric data queries."""
    if alarm.get("Metrics"):
        return alarm["Metrics"]
    metric = {"Namespace": alarm["Namespace"], "MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm["Period"], "Stat": statistic}}]


def period(alarm) -> int:
    """The length of an evaluation period, in seconds."""
    return next(query["MetricStat"]["Period"] for query in queries(alarm) if "MetricStat" in query)


def evaluate(alarm) -> None:
    """Moves an alarm to the state that its last minutes ask for.

    An alarm on silence is left alone until there has been something: on AWS it is on until then.
    """
    if alarm.get("TreatMissingData") == "breaching" and alarm["StateValue"] == "INSUFFICIENT_DATA" and not heard(alarm):
        return
    wanted = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or wanted
    # The window slides: its periods end with the last minute.
    end, length = int(time.time()) // MINUTE * MINUTE, period(alarm)
    looked_back = LOOKED_BACK if length == MINUTE else 0
    begins = [end - n * length for n in range(1, wanted + looked_back + 1)]
    values = [value for begin in begins if (value := value_at(alarm, begin)) is not None][:wanted]
    breaching = [COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]) for value in values]
    state = judge(breaching, wanted, needed, alarm.get("TreatMissingData") or "missing")
    if state and state != alarm["StateValue"]:
        past = f"{sum(breaching)} out of the last {wanted} datapoints were past the threshold ({alarm['Threshold']})"
        move(alarm, state, f"Threshold Crossed: {past}.")


def judge(breaching, wanted, needed, missing):
    """The state by the newest values there are; ``None`` where it stays."""
    hits, gaps = sum(breaching), wanted - len(breaching)
    if missing == "breaching":
        hits, gaps = hits + gaps, 0
    if missing == "notBreaching" or not gaps:
        return "ALARM" if hits >= needed else "OK"
    if not breaching:
        return "INSUFFICIENT_DATA" if missing == "missing" else None
    if hits >= needed:
        return "ALARM"
    return None if all(breaching) and missing == "ignore" else "ALARM" if all(breaching) else "OK"


def value_at(alarm, begin):
    """The value of the period that begins at a time; ``None`` without data."""
    metrics = queries(alarm)
    known = {query["Id"]: measured(query["MetricStat"], begin) for query in metrics if "MetricStat" in query}
    expression = next((query["Expression"] for query in metrics if "Expression" in query), None)
    if expression is None:
        return known[metrics[0]["Id"]]
    return compute(expression, known) if any(value is not None for value in known.values()) else None


def compute(expression: str, known: dict):
    """Metric math, as far as our alarms use it: sums, MAX of a list, IF, and a share in percent.

    What is missing counts as zero where something is there.
    """
    greatest = re.fullmatch(r"MAX\(\[(m\d+(?:, m\d+)*)\]\)", expression)
    if greatest:
        return max(known[name] for name in greatest[1].split(", ") if known[name] is not None)
    terms = re.sub(r"\bm\d+\b", lambda found: repr(float(known[found[0]] or 0)), expression)
    if not re.fullmatch(r"(?:IF|[\d.e+\-\s*/(),>=])+", terms):
        raise ValueError(f"the local stack can't evaluate {expression}")
    try:
        return float(eval(terms.replace("IF(", "WHEN("), {"__builtins__": {}, "WHEN": lambda holds, one, other: one if holds else other}))
    except ZeroDivisionError:
        return None


def measured(stat, begin):
    metric = stat["Metric"]
    key = (metric["Namespace"], metric["MetricName"], cw._dims_key(cw._dims_from_list(metric.get("Dimensions") or [])))
    points = [point for point in cw._metrics.get(key) or [] if begin <= point["Timestamp"] < begin + stat["Period"]]
    return cw._stat_value(cw._calc_stats(points), stat["Stat"], points) if points else None


def heard(alarm) -> bool:
    now, length = int(time.time()) // MINUTE * MINUTE, period(alarm)
    return any(value_at(alarm, now - n * length) is not None for n in range(1, max(2, HEARD * MINUTE // length)))


def move(alarm, state, reason) -> None:
    before, now = alarm["StateValue"], int(time.time())
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=now, StateTransitionedTimestamp=now)
    cw._record_history(alarm["AlarmName"], before, state, reason)
    cw._dispatch_alarm_actions(alarm, before, state, reason)
    cw._evaluate_parent_alarms(alarm)


def tell_changes() -> None:
    original = cw._dispatch_alarm_actions

    def dispatch(alarm, before, state, reason):
        arn = alarm["AlarmArn"]
        detail = {
            "alarmName": alarm["AlarmName"],
            "state": {"value": state, "reason": reason, "timestamp": stamp(alarm["StateUpdatedTimestamp"])},
            "previousState": TOLD.get(arn, {"value": before, "reason": "Unchecked: Initial alarm creation"}),
            "configuration": configuration(alarm),
        }
        TOLD[arn] = detail["state"]
        if emit.SETTINGS["events"]:
            emit.send("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [arn])
        return original(alarm, before, state, reason)

    cw._dispatch_alarm_actions = dispatch


def stamp(at) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def configuration(alarm):
    description = alarm.get("AlarmDescription") or ""
    if "AlarmRule" in alarm:
        return {"description": description, "alarmRule": alarm["AlarmRule"]}
    return {"description": description, "metrics": [in_event(query) for query in queries(alarm)]}


def in_event(query):
    entry = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Expression" in query:
        return {**entry, "expression": query["Expression"]}
    stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
    return {**entry, "metricStat": {"metric": named, "period": stat["Period"], "stat": stat["Stat"]}}


def keep_metric_math() -> None:
    """Keeps the queries of an alarm, and what it says of percentiles. Refuses what AWS refuses."""
    original = cw._put_metric_alarm

    def put(params, data, is_cbor, is_json=False):
        if problem := data and invalid_alarm(data):
            return cw._error("ValidationError", problem, 400, use_json=is_json, use_cbor=is_cbor)
        answer = original(params, data, is_cbor, is_json)
        alarm = cw._alarms.get(data.get("AlarmName", "")) if data else None
        if answer[0] == 200 and alarm:
            if data.get("Metrics"):
                alarm["Metrics"] = data["Metrics"]
                for key in ("Period", "Statistic", "Namespace", "MetricName"):
                    alarm.pop(key, None)
            elif data.get("ExtendedStatistic"):
                alarm.pop("Statistic", None)
            if few := data.get("EvaluateLowSampleCountPercentile"):
                alarm["EvaluateLowSampleCountPercentile"] = few
        return answer

    cw._put_metric_alarm = put


def invalid_alarm(alarm) -> str:
    """What PutMetricAlarm refuses. Sources: its API reference, and the quotas of CloudWatch."""
    metrics = alarm.get("Metrics") or []
    if not 1 <= len(alarm.get("AlarmName", "")) <= MOST_NAME:
        return f"AlarmName must have 1 to {MOST_NAME} characters"
    if len(alarm.get("AlarmDescription") or "") > MOST_DESCRIPTION:
        return f"AlarmDescription must have at most {MOST_DESCRIPTION} characters"
    if sum("MetricStat" in query for query in metrics) > MOST_METRICS:
        return f"An alarm can't have more than {MOST_METRICS} metrics"
    if metrics and sum(query.get("ReturnData", True) for query in metrics) != 1:
        return "Exactly one element of the metrics list should return data"
    if metrics and (alarm.get("MetricName") or alarm.get("Period")):
        return "Metrics list and MetricName or Period must not be specified together"
    if bool(alarm.get("Statistic")) + bool(alarm.get("ExtendedStatistic")) != (0 if metrics else 1):
        return "Exactly one of Statistic, ExtendedStatistic and Metrics must be specified"
    if alarm.get("EvaluateLowSampleCountPercentile") and not alarm.get("ExtendedStatistic"):
        return "EvaluateLowSampleCountPercentile needs a percentile"
    return ""


def answer_with_timestamps() -> None:
    """The list of dashboards has its times as text, which typed clients refuse."""
    original = cw._cbor_ok

    def cbor_ok(data):
        for entry in data.get("DashboardEntries", []):
            entry["LastModified"] = cw._cbor_timestamp(entry["LastModified"])
        return original(data)

    cw._cbor_ok = cbor_ok


def list_by_tags() -> None:
    """The tagging API knows alarms, even with a slash in their name, databases, and log groups."""
    original = tagging._matches_type_filters

    def matches(arn, filters):
        for service, kind in (("cloudwatch", "alarm"), ("logs", "log-group")):
            if f":{service}:" in arn and f":{kind}:" in arn:
                return not filters or bool({service, f"{service}:{kind}"} & set(filters))
        return original(arn, filters)

    tagging._matches_type_filters = matches
    tagging._COLLECTORS.update(cloudwatch=tagged_alarms, rds=tagged_databases, logs=tagged_log_groups)


def tagged_alarms():
    for alarm in list(cw._alarms.values()):
        if tags := cw._resource_tags.get(alarm["AlarmArn"]):
            yield alarm["AlarmArn"], tagging._normalise_flat(tags)


def tagged_databases():
    for store, arn in ((rds._instances, "DBInstanceArn"), (rds._clusters, "DBClusterArn")):
        for database in list(store.values()):
            if tags := database.get("TagList"):
                yield database[arn], list(tags)


def tagged_log_groups():
    for name, group in list(cloudwatch_logs._log_groups.items()):
        if tags := group["tags"]:
            yield cloudwatch_logs._make_group_arn_no_star(name), tagging._normalise_flat(tags)


def show_unconfirmed() -> None:
    """An e-mail subscription that nobody has confirmed, or that was ended, is listed as such; see ``unconfirm``."""
    original = sns._list_subscriptions_by_topic

    def listed(params):
        status, headers, body = original(params)
        topic = sns._topic_by_arn_any_scope(sns._p(params, "TopicArn")) or {}
        for subscription in topic.get("subscriptions", []):
            if not subscription["confirmed"]:
                shown = f"<SubscriptionArn>{subscription['arn']}<".encode()
                instead = b"Deleted" if subscription.get("ended") else b"PendingConfirmation"
                body = body.replace(shown, b"<SubscriptionArn>" + instead + b"<")
        return status, headers, body

    sns._list_subscriptions_by_topic = listed


def unconfirm(request: dict) -> dict:
    """Makes the subscription of an address one that nobody has confirmed, or that was ended."""
    for topic in sns._topics.values():
        for subscription in topic["subscriptions"]:
            if subscription["endpoint"] == request["endpoint"]:
                subscription["confirmed"] = False
                subscription["ended"] = bool(request.get("ended"))
    return {}


def reset() -> None:
    TOLD.clear()
