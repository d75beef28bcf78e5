"""Stand-ins for Slack's methods, PagerDuty, Teams, webhooks and heartbeats: whatever arrives below ``/_people/`` is kept.

``/_stack/people`` lists what they got: [{path, headers, body, raw}], with the headers that say who sends it, and the body
as it was signed.
"""

import json

HEARD = []
REFUSALS = []
# The members of Slack's user groups.
MEMBERS = {"S0ONCALL": ["U0BOB"]}
NAMED = ("authorization", "webhook-id", "webhook-timestamp", "webhook-signature")


def hear(path, headers, raw):
    """Answers what arrives: status, document, headers. Slack's own name of a message counts up."""
    is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
    body = raw if is_form or not raw else json.loads(raw)
    method = path.rsplit("/", 1)[-1]
    refusal = next((r for r in REFUSALS if r["path"] in path and r["times"] > 0), None)
    if refusal:
        refusal["times"] -= 1
        more = [(b"retry-after", str(refusal["after"]).encode())] if refusal.get("after") else []
        return refusal.get("status", 200), {"ok": False, "error": refusal.get("error", "")}, more
    HEARD.append({"path": path, "headers": {name: headers[name] for name in NAMED if name in headers}, "body": body, "raw": raw})
    if method in ("chat.postMessage", "chat.update"):
        ts = body.get("ts") or f"1795321829.{len(HEARD):06d}"
        # Slack answers with the whole message, and who it takes it to be of.
        bot = {"id": "B0123", "name": "Lamplighter", "icons": {size: f"https://example.com/{size}.png" for size in ("image_36", "image_72")}}
        echo = {**body, "ts": ts, "bot_profile": bot, "text": body.get("text", "") + " " * 2_000}
        return 200, {"ok": True, "channel": body["channel"], "ts": ts, "message": echo}, []
    if method == "usergroups.users.list":
        return 200, {"ok": True, "users": MEMBERS.get(body.removeprefix("usergroup="), [])}, []
    return (202 if method == "enqueue" else 200), {"status": "success"}, []


def refuse(request):
    """{path, times, status?, after?, error?}: what is posted to a path that contains this is refused so often."""
    REFUSALS.append(request)
    return {}


def reset():
    HEARD.clear()
    REFUSALS.clear()
