//! Texts that others chose (names of roles and databases, keys of a ConfigMap, words of a server) where a person reads them.

use std::fmt::Write as _;

/// The text in one line: what would break it, or move a terminal's cursor, is written as an escape, and what is longer than `most` bytes
/// is cut.
pub fn one_line(text: &str, most: usize) -> String {
    const CUT: &str = " ...";
    let mut line = String::with_capacity(text.len().min(most));
    for letter in text.chars() {
        if line.len() + letter.len_utf8() > most.saturating_sub(CUT.len()) && text.len() > most {
            line.push_str(CUT);
            break;
        }
        match letter {
            // Also what turns the direction of writing, by which a line reads as another one.
            _ if letter.is_control()
                || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(line, "{}", letter.escape_default());
            }
            _ => line.push(letter),
        }
    }
    line.truncate(line.floor_char_boundary(most));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_line_and_in_its_size() {
        assert_eq!(one_line("role Ünï is superuser", 100), "role Ünï is superuser");
        assert_eq!(one_line("a\nStepDone\r\u{1b}[2Jb\u{202e}", 100), r"a\nStepDone\r\u{1b}[2Jb\u{202e}");
        assert_eq!(one_line("abcdefgh", 8), "abcdefgh");
        assert_eq!(one_line("abcdefghi", 8), "abcd ...");
        assert!(one_line(&"\n".repeat(1000), 50).len() <= 50);
        assert!(one_line(&"ü".repeat(1000), 51).len() <= 51);
    }
}
