//! Owns putting things in order by a number: one sort for all types, since the page would have to load one for each.
//! Must not know what is put in order.

/// The things in order of their keys; those of the same key stay as they are.
#[must_use]
pub fn by_key<T>(things: Vec<T>, key: impl Fn(&T) -> (u64, u64)) -> Vec<T> {
    let mut order: Vec<(u64, u64, usize)> = Vec::with_capacity(things.len());
    for (place, thing) in things.iter().enumerate() {
        let (first, second) = key(thing);
        order.push((first, second, place));
    }
    order.sort_unstable();
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(_, _, place)| things.get_mut(place)?.take()).collect()
}

/// A number as a key, in the order of [`f64::total_cmp`].
#[must_use]
pub fn key_of(number: f64) -> u64 {
    let bits = number.to_bits();
    if number.is_sign_negative() { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_in_their_total_order(numbers: Vec<f64>) {
            let mut expect = numbers.clone();
            expect.sort_by(f64::total_cmp);
            let bits = |list: &[f64]| list.iter().map(|n| n.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&by_key(numbers, |n| (key_of(*n), 0))), bits(&expect));
        }

        #[test]
        fn equal_keys_stay_as_they_are(keys: Vec<(u8, u8)>) {
            let things: Vec<_> = keys.into_iter().enumerate().collect();
            let mut expect = things.clone();
            expect.sort_by_key(|(_, key)| *key);
            prop_assert_eq!(by_key(things, |(_, (a, b))| (u64::from(*a), u64::from(*b))), expect);
        }
    }
}
