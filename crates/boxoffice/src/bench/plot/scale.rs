//! Scales and the numbers on them: round steps, short texts.

/// From values to a part of an axis.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Scale {
    /// The same distance for the same difference.
    Linear {
        /// At the beginning.
        least: f64,
        /// At the end.
        most: f64,
    },
    /// The same distance for the same ratio.
    Logarithmic {
        /// At the beginning.
        least: f64,
        /// At the end.
        most: f64,
    },
}

impl Scale {
    /// Where a value is: 0 at the beginning, 1 at the end, and nowhere else.
    pub(in super::super) fn part(self, value: f64) -> f64 {
        let part = match self {
            Self::Linear { least, most } => (value - least) / (most - least),
            Self::Logarithmic { least, most } => (value.max(least) / least).ln() / (most / least).ln(),
        };
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// A step of 1, 2 or 5 times a power of ten, of which about five make `most`; and the first multiple not below it.
pub(super) fn round_steps(most: f64) -> (f64, f64) {
    let most = if most > 0.0 { most } else { 1.0 };
    let rough = most / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(power);
    (step, (most / step * 0.999).ceil() * step)
}

/// A number as short as its step allows: 250k, 1.5, 0.02.
pub(super) fn in_short(value: f64, step: f64) -> String {
    let (value, step, unit) = match step {
        step if step >= 1e6 => (value / 1e6, step / 1e6, "M"),
        step if step >= 1e3 => (value / 1e3, step / 1e3, "k"),
        _ => (value, step, ""),
    };
    let digits = if step >= 1.0 { 0 } else { (-step.log10() - 1e-9).ceil() as usize };
    if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$}{unit}") }
}

/// A whole number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_end() {
        for (most, step, end) in
            [(17.0, 5.0, 20.0), (300.0, 100.0, 300.0), (0.93, 0.2, 1.0), (48_211.0, 10_000.0, 50_000.0)]
        {
            let (got_step, got_end) = round_steps(most);
            assert!(
                (got_step - step).abs() < 1e-9 && (got_end - end).abs() < 1e-9,
                "{most}: {got_step} {got_end}"
            );
        }
    }

    #[test]
    fn numbers_are_short() {
        let short = [(20_000.0, 10_000.0), (0.4, 0.2), (0.02, 0.01), (5.0, 5.0), (2_000_000.0, 1_000_000.0)];
        assert_eq!(short.map(|(value, step)| in_short(value, step)), ["20k", "0.4", "0.02", "5", "2M"]);
        assert_eq!(
            [0, 999, 1000, 1234567].map(grouped),
            ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn nothing_leaves_its_scale() {
        let scale = Scale::Logarithmic { least: 0.1, most: 1000.0 };
        assert_eq!([0.0, 0.1, 10.0, 5000.0].map(|value| scale.part(value)), [0.0, 0.0, 0.5, 1.0]);
    }
}
