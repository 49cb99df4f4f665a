//! What each refusal of the Compute API means.

use serde_json::json;

use super::*;

fn answer(status: u16, reason: &str, message: &str) -> Fault {
    let body = json!({"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}});
    Fault::of_answer(status, body.to_string().as_bytes())
}

#[test]
fn each_answer_has_its_meaning() {
    for (status, reason, class) in [
        (400, "resourceOperationRateExceeded", Class::Pause),
        (403, "quotaExceeded", Class::Quota),
        (403, "rateLimitExceeded", Class::Rate),
        (403, "forbidden", Class::Forbidden),
        (403, "vpcServiceControls", Class::Forbidden),
        (401, "authError", Class::Forbidden),
        (404, "notFound", Class::Missing),
        (409, "alreadyExists", Class::Exists),
        (412, "conditionNotMet", Class::Refused),
        (400, "resourceNotReady", Class::NotReady),
        (400, "invalid", Class::Refused),
        (429, "whatever", Class::Rate),
        (500, "backendError", Class::Silent),
        (503, "rateLimitExceeded", Class::Silent),
    ] {
        assert_eq!(answer(status, reason, "no").class, class, "{status} {reason}");
    }
}

#[test]
fn a_missing_permission_is_named_with_what_to_do() {
    let plain = answer(403, "forbidden", "Required 'compute.snapshots.create' permission for 'projects/p'");
    let said = plain.into_error("snapshot disk d", Method::DisksCreateSnapshot, 0).to_string();
    assert!(said.contains("grant compute.snapshots.create to the operator's service account"), "{said}");
    let body = json!({"error": {"message": "denied", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED",
         "metadata": {"permission": "compute.disks.createSnapshot"}}
    ]}});
    let fault = Fault::of_answer(403, body.to_string().as_bytes());
    assert_eq!(fault.permission.as_deref(), Some("compute.disks.createSnapshot"));
    let said = answer(403, "forbidden", "no").into_error("look", Method::SnapshotsGet, 0).to_string();
    assert!(said.contains("compute.snapshots.get") && said.contains("perimeter"), "{said}");
}

#[test]
fn an_answer_that_is_no_json_is_shown_and_judged_by_its_status() {
    let fault = Fault::of_answer(502, b"<html>Bad Gateway</html>");
    assert_eq!((fault.class, fault.words.contains("Bad Gateway")), (Class::Silent, true));
}

#[test]
fn an_operation_says_the_same_with_other_words() {
    let of = |code: &str| {
        let errors = vec![OperationFault { code: code.into(), message: "why".into() }];
        Fault::of_operation(&OperationError { errors })
    };
    for (code, class) in [
        ("QUOTA_EXCEEDED", Class::Quota),
        ("RESOURCE_OPERATION_RATE_EXCEEDED", Class::Pause),
        ("RESOURCE_NOT_FOUND", Class::Missing),
        ("RESOURCE_ALREADY_EXISTS", Class::Exists),
        ("INTERNAL_ERROR", Class::NotReady),
        ("SOMETHING_NEW", Class::NotReady),
    ] {
        assert_eq!((of(code).class, of(code).words), (class, format!("why ({code})")));
    }
}
