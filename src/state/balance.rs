//! Balances: whole numbers, exactly, however JSON writes them (`1000`, `1e3`, `1000.0`).

/// The whole number that a JSON number stands for; None where it is a fraction. Beyond 128 bits the nearest end of them:
/// from 2^53 on every read is the same NumberOutOfRange.
pub(super) fn parse(number: &str) -> Option<i128> {
    let (negative, size) = match number.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, number),
    };
    let (digits, exponent) = size.split_once(['e', 'E']).unwrap_or((size, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let all = || whole.bytes().chain(fraction.bytes()).map(|byte| byte.wrapping_sub(b'0'));
    if !all().all(|digit| digit <= 9) {
        return None;
    }
    // `all` is the number times 10^places.
    let exponent = match exponent.parse::<i64>() {
        Ok(exponent) => exponent,
        Err(_) if exponent.starts_with('-') => i64::MIN,
        Err(_) => i64::MAX,
    };
    let zeros = all().rev().take_while(|digit| *digit == 0).count();
    if zeros == whole.len() + fraction.len() {
        return Some(0);
    }
    let shift = exponent.saturating_sub(as_i64(fraction.len())).saturating_add(as_i64(zeros));
    if shift < 0 {
        return None;
    }
    let significant = whole.len() + fraction.len() - zeros;
    let mut value: i128 = 0;
    let mut push = |digit: u8| {
        let signed = if negative { -i128::from(digit) } else { i128::from(digit) };
        let next = value.checked_mul(10).and_then(|value| value.checked_add(signed));
        value = next.unwrap_or(if negative { i128::MIN } else { i128::MAX });
        next.is_some()
    };
    // 10^39 is beyond 128 bits, so there is no need to count further.
    let fits = all().take(significant).all(&mut push);
    if fits {
        let _ = (0..shift.min(40)).all(|_| push(0));
    }
    Some(value)
}

fn as_i64(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
