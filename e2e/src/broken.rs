//! Why a promise is not kept, in words. Nobody decides by it: it is shown to a person, or asked again until it is true.

use std::error::Error;
use std::fmt;

/// The fact that was found in place of the promised one.
#[derive(Debug)]
pub struct Broken(String);

/// A fact that holds, or what was found in its place.
pub type Kept<T = ()> = Result<T, Broken>;

impl Broken {
    /// In these words.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// With all its causes, since the outermost of a client's errors often says nothing.
impl<E: Error> From<E> for Broken {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        Self(text)
    }
}

/// Ends the function with [`Broken`] unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::broken::Broken::new(format!($($why)+)));
        }
    };
}

/// Both are the same, or what was found.
///
/// # Errors
/// Names the fact, what it is and what it should be.
pub fn same<A: PartialEq<B> + fmt::Debug, B: fmt::Debug>(what: &str, found: A, wanted: B) -> Kept {
    ensure!(found == wanted, "{what} is {found:?}, not {wanted:?}");
    Ok(())
}

/// The text holds the part.
///
/// # Errors
/// Names the fact, the part and the text.
pub fn says(what: &str, text: &str, part: &str) -> Kept {
    ensure!(text.contains(part), "{what} does not say '{part}': {text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_causes_are_told_once() {
        let cause = std::io::Error::other("no route");
        let outer = std::io::Error::other(Outer(cause));
        assert_eq!(Broken::from(outer).to_string(), "failed to connect: no route");
    }

    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("failed to connect")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn what_differs_is_told_with_both_values() {
        assert!(same("the state", 1, 1).is_ok());
        let why = same("the state", "Down", "Healthy").unwrap_err().to_string();
        assert_eq!(why, "the state is \"Down\", not \"Healthy\"");
        assert!(says("the condition", "waits for a window", "window").is_ok());
        assert!(says("the condition", "waits", "window").unwrap_err().to_string().contains("'window'"));
    }
}
