//! Owns the way from seconds and days to a clock and a date of the Gregorian calendar.
//! Must not know clocks or time zones.

/// Year, month and day of a day counted from 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
#[must_use]
pub fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on, so that the leap day is the year's last.
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Date, and hour, minute and second of its day, of seconds counted from the start of 1970.
#[must_use]
pub fn date_and_clock(seconds: i64) -> ((i64, i64, i64), (i64, i64, i64)) {
    let of_day = seconds.rem_euclid(86_400);
    (date(seconds.div_euclid(86_400)), (of_day / 3_600, of_day / 60 % 60, of_day % 60))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: the reverse of [`date`].
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
#[must_use]
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |seconds: i64, expect| assert_eq!(date(seconds.div_euclid(86_400)), expect, "{seconds}");
        check(0, (1970, 1, 1));
        check(-1, (1969, 12, 31));
        check(951_782_400, (2000, 2, 29));
        check(1_709_164_800, (2024, 2, 29));
        check(1_735_689_599, (2024, 12, 31));
    }

    #[test]
    fn days_are_the_reverse() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day, "{year}-{month}-{of_month}");
        }
    }
}
