//! The last days of December, which `cronexpr` 1.7.0 never finds: it asks whether tomorrow's month, or next week's, is a greater
//! number than today's, and January's is not. So `L` never comes on 31 December, and `5L` never in that month.
//!
//! What day of a month a schedule comes on depends on the month's length and on the day of the week on which it begins. So December is
//! asked of an October that has both, and nothing has to be known here of what the fields of days can say.

use cronexpr::Crontab;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use super::{find_next, parse};

/// Place of the months in the text.
const MONTHS: usize = 3;
/// As many days as December. `cronexpr` looks at its last days rightly.
const STAND_IN: i8 = 10;
/// The library looks four years ahead, and so does this: five Decembers at most lie in them.
const YEARS: i16 = 4;

/// A schedule as it comes in December.
#[derive(Clone, Debug)]
pub struct December {
    /// Its text with October alone in the place of the months.
    stand_in: Crontab,
}

impl December {
    /// Of a text that was read; none where nothing is missed of it.
    pub fn of(text: &str) -> Option<Self> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        let months = *fields.get(MONTHS)?;
        let counts_from_the_end = fields.iter().skip(2).step_by(2).any(|days| days.contains('L'));
        let comes =
            parse(&format!("0 0 1 {months} *")).ok()?.matches("2026-12-01T00:00:00Z").unwrap_or(false);
        if !counts_from_the_end || !comes {
            return None;
        }
        let october = STAND_IN.to_string();
        fields[MONTHS] = &october;
        Some(Self { stand_in: parse(&fields.join(" ")).ok()? })
    }

    /// The first time in a December after this one; none when `found`, which the library finds, comes before it in any case.
    pub fn next(&self, wall: DateTime, found: Option<DateTime>) -> Option<DateTime> {
        (wall.year()..=wall.year() + YEARS).find_map(|year| {
            let begins = date(year, 12, 1);
            if found.is_some_and(|found| found.date() < begins) {
                return None;
            }
            let from =
                if wall.date() < begins { begins.to_datetime(Default::default()) - 1.minute() } else { wall };
            self.in_december_of(year, from)
        })
    }

    fn in_december_of(&self, year: i16, from: DateTime) -> Option<DateTime> {
        let begins = date(year, 12, 1);
        let stand_in = stand_in(begins)?;
        let asked = stand_in.to_datetime(Default::default())
            + begins.to_datetime(Default::default()).until(from).ok()?;
        let found = find_next(&self.stand_in, asked)?;
        let same_month = (found.year(), found.month()) == (stand_in.year(), STAND_IN);
        same_month.then(|| date(year, 12, found.day()).to_datetime(found.time()))
    }
}

/// The first day of an October that begins on the same day of the week.
fn stand_in(december: Date) -> Option<Date> {
    let years = (1..=12).map(|back| december.year() - back);
    years.map(|year| date(year, STAND_IN, 1)).find(|october| october.weekday() == december.weekday())
}
