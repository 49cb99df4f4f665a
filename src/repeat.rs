//! Answers of the API server to a step that is taken again after a crash: what was done already counts as done.

/// The answer to a removal, where an object that is not there counts as removed.
///
/// # Errors
/// All other errors of the API server.
pub fn gone<T>(answer: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

/// The answer to a creation, where an object of that name counts as made by the same step.
///
/// # Errors
/// All other errors of the API server.
pub fn there<T>(answer: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
}
