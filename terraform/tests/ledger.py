"""Holds what checkov found against the ledger of findings that are not followed: ledger.py LEDGER FINDINGS TODAY.

Each entry names check, resource, reason, the test that proves what the check asks for (or says why nothing does), and the
day on which somebody has to look again. A finding without an entry, an entry without a finding, an entry past its day and
one without a reason all fail.
"""

import datetime
import json
import sys

FIELDS = ("id", "resource", "reason", "proof", "expires")
# Shorter than this is a word, not a reason.
REASON_MIN = 30
# Nobody knows what is right in more than this many days.
DAYS_MAX = 400


def problems(skips, found, today):
    """Everything that is wrong, as sentences."""
    for number, skip in enumerate(skips):
        name = f"entry {number + 1} ({skip.get('id')} of {skip.get('resource')})"
        missing = [field for field in FIELDS if not skip.get(field)]
        if "reason" in missing or len(skip.get("reason", "")) < REASON_MIN:
            yield f"{name} has no reason of at least {REASON_MIN} letters"
        if missing:
            yield f"{name} lacks {', '.join(missing)}"
            continue
        expires = datetime.date.fromisoformat(skip["expires"])
        if expires < today:
            yield f"{name} expired on {expires}: look whether its reason still holds, then set a new day or mend the finding"
        elif (expires - today).days > DAYS_MAX and expires.year < 2098:
            yield f"{name} expires in more than {DAYS_MAX} days: somebody has to look again before"
        if (skip["id"], skip["resource"]) not in found:
            yield f"{name} is not found any more: remove it from the ledger"
    known = {(skip.get("id"), skip.get("resource")) for skip in skips}
    for check, resource in sorted(found - known):
        yield f"{check} of {resource} is in no entry of the ledger: mend it, or say why not"


def main():
    """Prints problems; ends with 1 when there are some."""
    ledger, findings, today = sys.argv[1:4]
    with open(ledger, encoding="utf-8") as file:
        skips = json.load(file)["skips"]
    with open(findings, encoding="utf-8") as file:
        failed = json.load(file)["results"]["failed_checks"]
    found = {(check["check_id"], check["resource"]) for check in failed}
    told = list(problems(skips, found, datetime.date.fromisoformat(today)))
    print("\n".join(told) or f"{len(skips)} entries, {len(found)} findings")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
