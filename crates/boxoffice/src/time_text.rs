//! RFC 3339 text of a time in UTC, quickly: each hold shows three times and logs one.

/// The digits of a time, `2026-11-23T22:31:15.197Z` or with microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeText {
    bytes: [u8; 27],
    length: usize,
}

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;
/// The first moment of the year 10000, in milliseconds.
const TOO_LATE_MS: i64 = 253_402_300_800_000;

/// Year, month and day of a number of days since 1970-01-01, by Howard Hinnant's `civil_from_days`
/// (`chrono`-Compatible Low-Level Date Algorithms, howardhinnant.github.io/date_algorithms.html).
fn civil(days: i64) -> (u64, u64, u64) {
    // Days since 0000-03-01, so that the leap day is the last one of a year.
    let days = (days + 719_468) as u64;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn put(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl TimeText {
    /// A time in milliseconds since 1970, with three digits after the second. What lies outside the years 1970 to
    /// 9999 is shown as the end nearest to it.
    pub(crate) fn of_ms(ms: i64) -> Self {
        Self::of(ms, 0, 3)
    }

    /// A time in microseconds since 1970, with six digits after the second.
    pub(crate) fn of_us(us: u64) -> Self {
        Self::of((us / 1000) as i64, us % 1000, 6)
    }

    fn of(ms: i64, us: u64, digits: usize) -> Self {
        let ms = ms.clamp(0, TOO_LATE_MS - 1);
        let (year, month, day) = civil(ms / MS_PER_DAY);
        let of_day = (ms % MS_PER_DAY) as u64;
        let mut bytes = *b"0000-00-00T00:00:00.000000Z";
        put(&mut bytes[..4], year);
        put(&mut bytes[5..7], month);
        put(&mut bytes[8..10], day);
        put(&mut bytes[11..13], of_day / 3_600_000);
        put(&mut bytes[14..16], of_day / 60_000 % 60);
        put(&mut bytes[17..19], of_day / 1000 % 60);
        put(&mut bytes[20..23], of_day % 1000);
        put(&mut bytes[23..26], us);
        bytes[20 + digits] = b'Z';
        Self { bytes, length: 21 + digits }
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_what_a_calendar_says() {
        // jiff leaves room for offsets at the end.
        let last = TOO_LATE_MS / MS_PER_DAY - 2;
        for day in (0..last).step_by(13).chain([0, 58, 59, 10_956, 10_957, 11_016, last - 1]) {
            let ms = day * MS_PER_DAY + day * 7919 % MS_PER_DAY;
            let known = jiff::Timestamp::from_millisecond(ms).expect("a time of the calendar");
            assert_eq!(TimeText::of_ms(ms).as_str(), known.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_its_ends() {
        assert_eq!(TimeText::of_ms(i64::MAX).as_str(), "9999-12-31T23:59:59.999Z");
        assert_eq!(TimeText::of_ms(i64::MIN).as_str(), "1970-01-01T00:00:00.000Z");
        assert_eq!(TimeText::of_us(1_800_000_000_000_042).as_str(), "2027-01-15T08:00:00.000042Z");
    }
}
