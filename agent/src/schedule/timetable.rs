//! Owns when a schedule comes: once, or by cron on the clock of a time zone, daylight saving included.
//! Must not know what time it is; that is a parameter.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use shared::schedule::When;

/// Longest pattern, bytes.
const MAX_CRON: usize = 200;
/// How a time is written.
const FORM: &str = "%a %Y-%m-%d %H:%M";

/// Times, once they could be read.
#[derive(Clone)]
pub enum Timetable {
    /// Once, Unix ms.
    Once(u64),
    /// By cron on a clock.
    Cron {
        /// Minute, hour, day of the month, month, day of the week.
        cron: Box<Cron>,
        /// Whose clock.
        zone: TimeZone,
    },
}

impl Timetable {
    /// Reads when somebody wants it.
    ///
    /// # Errors
    /// A sentence that says what cannot be read.
    pub fn of(when: &When) -> Result<Self, String> {
        let (text, time_zone) = match when {
            When::Once(unix_ms) => {
                let is_time =
                    i64::try_from(*unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).is_some();
                return is_time.then_some(Self::Once(*unix_ms)).ok_or_else(|| {
                    format!("when.once is {unix_ms}, which is no time: give milliseconds since 1970 in UTC.")
                });
            }
            When::Cron { cron, time_zone } => (cron.trim(), time_zone.trim()),
        };
        let zone = TimeZone::get(time_zone).map_err(|_| {
            let named: String = time_zone.chars().take(40).collect();
            format!("\"{named}\" is no time zone that this host knows: use an IANA name, such as Europe/Berlin or UTC.")
        })?;
        let shown: String = text.chars().take(60).collect();
        let refused = |why: String| {
            format!(
                "\"{shown}\" is no cron pattern ({why}): write minute, hour, day of the month, month and day of the week, such \
                 as 30 2 * * 1-5."
            )
        };
        if text.len() > MAX_CRON {
            return Err(refused(format!("more than {MAX_CRON} characters")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|why| refused(why.to_string().trim_end_matches('.').to_owned()))?;
        Ok(Self::Cron { cron: Box::new(cron), zone })
    }

    /// The first time after this one, Unix ms; nothing where there is none.
    pub fn after(&self, unix_ms: u64) -> Option<u64> {
        match self {
            Self::Once(at) => (*at > unix_ms).then_some(*at),
            Self::Cron { cron, zone } => found(&cron.find_next_occurrence(&zoned(unix_ms, zone)?, false).ok()?),
        }
    }

    /// The last time up to this one, Unix ms; nothing where there is none.
    pub fn up_to(&self, unix_ms: u64) -> Option<u64> {
        match self {
            Self::Once(at) => (*at <= unix_ms).then_some(*at),
            Self::Cron { cron, zone } => found(&cron.find_previous_occurrence(&zoned(unix_ms, zone)?, true).ok()?),
        }
    }

    /// Times after this one, Unix ms, one after the other.
    pub fn times(&self, unix_ms: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(self.after(unix_ms), |last| self.after(*last))
    }

    /// A time on its clock: "Sun 2026-03-29 03:00 Europe/Berlin (+02:00)"; of one that comes once on the host's.
    pub fn words(&self, unix_ms: u64) -> String {
        let zone = match self {
            Self::Once(_) => TimeZone::system(),
            Self::Cron { zone, .. } => zone.clone(),
        };
        let Some(time) = zoned(unix_ms, &zone) else { return format!("{unix_ms} ms") };
        let name = zone.iana_name().unwrap_or("host's time");
        format!("{} {name} ({})", time.strftime(FORM), time.strftime("%:z"))
    }

    /// When it comes, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Once(at) => format!("once, {}", self.words(*at)),
            Self::Cron { cron, zone } => {
                format!("{}, by the clock of {}", cron.as_str(), zone.iana_name().unwrap_or("the host"))
            }
        }
    }
}

fn zoned(unix_ms: u64, zone: &TimeZone) -> Option<Zoned> {
    let time = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
    Some(time.to_zoned(zone.clone()))
}

fn found(time: &Zoned) -> Option<u64> {
    u64::try_from(time.timestamp().as_millisecond()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn at(text: &str) -> u64 {
        text.parse::<Timestamp>().unwrap().as_millisecond().unsigned_abs()
    }

    pub fn cron(cron: &str, time_zone: &str) -> Timetable {
        Timetable::of(&When::Cron { cron: cron.into(), time_zone: time_zone.into() }).unwrap()
    }

    fn check(pattern: &str, zone: &str, from: &str, expect: &[&str]) {
        let timetable = cron(pattern, zone);
        let times: Vec<String> = timetable
            .times(at(from))
            .take(expect.len())
            .map(|ms| Timestamp::from_millisecond(ms as i64).unwrap().to_string())
            .collect();
        assert_eq!(times, expect, "{pattern} {zone}");
    }

    #[test]
    fn times_are_those_of_the_zones_clock() {
        check("30 2 * * *", "UTC", "2026-01-01T02:30:00Z", &["2026-01-02T02:30:00Z", "2026-01-03T02:30:00Z"]);
        check(
            "30 2 * * 1-5",
            "Europe/Berlin",
            "2026-01-02T12:00:00Z",
            &["2026-01-05T01:30:00Z", "2026-01-06T01:30:00Z"],
        );
        check(
            "0 9 1 * *",
            "America/New_York",
            "2026-02-15T00:00:00Z",
            &["2026-03-01T14:00:00Z", "2026-04-01T13:00:00Z"],
        );
        check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]);
    }

    #[test]
    fn a_time_that_the_clock_skips_comes_right_after_and_one_that_it_shows_twice_comes_once() {
        // Berlin, 29 March 2026: after 01:59 comes 03:00.
        let spring = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        check("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", &spring);
        // 25 October 2026: 02:30 is shown twice.
        let autumn = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        check("30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", &autumn);
        // What comes every half hour comes every half hour, whatever the clock shows.
        let each = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"];
        check("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", &each);
        let each = ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"];
        check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", &each);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_sentence() {
        let refused = |cron: &str, time_zone: &str, words: &str| {
            let when = When::Cron { cron: cron.into(), time_zone: time_zone.into() };
            let said = Timetable::of(&when).err().unwrap();
            assert!(said.contains(words) && said.ends_with('.'), "{said}");
        };
        refused("30 2 * *", "UTC", "no cron pattern");
        refused("0 30 2 * * *", "UTC", "no cron pattern");
        refused("61 2 * * *", "UTC", "no cron pattern");
        refused("nightly", "UTC", "no cron pattern");
        refused(&"1,".repeat(200), "UTC", "200 characters");
        refused("30 2 * * *", "Europe/Atlantis", "IANA");
        refused("30 2 * * *", "", "IANA");
        assert!(Timetable::of(&When::Once(u64::MAX)).is_err());
    }

    #[test]
    fn a_time_is_written_on_its_clock() {
        let berlin = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(berlin.words(at("2026-03-29T01:00:00Z")), "Sun 2026-03-29 03:00 Europe/Berlin (+02:00)");
        assert_eq!(berlin.describe(), "30 2 * * *, by the clock of Europe/Berlin");
        let once = Timetable::of(&When::Once(9)).unwrap();
        assert_eq!((once.after(8), once.after(9), once.up_to(9), once.up_to(8)), (Some(9), None, Some(9), None));
    }
}
