//! Owns how a row lies on a page: variable-length integers, the record's header, its values.
//! Must not know pages, nor which rows are wanted.

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number, whose bits nobody wants here.
    Real,
    /// Text that is UTF-8.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Reads a variable-length integer; it and its length.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        if place == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

/// Most values of a record that is read: rows of the log have six.
const MOST: usize = 8;

/// The values of a record; nothing where it is not one, or has more values than any that is wanted.
pub(super) fn values(record: &[u8]) -> Option<Vec<Value<'_>>> {
    let (header, mut at) = varint(record)?;
    let header = usize::try_from(header).ok().filter(|bytes| (at..=record.len()).contains(bytes))?;
    let mut rest = record.get(header..)?;
    let mut values = Vec::new();
    while at < header {
        let (kind, bytes) = varint(record.get(at..header)?)?;
        at += bytes;
        let (value, after) = value(kind, rest)?;
        rest = after;
        values.push(value);
        if values.len() > MOST {
            return None;
        }
    }
    rest.is_empty().then_some(values)
}

/// A value of this kind, and what follows it.
fn value(kind: u64, from: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let integer = |bytes: usize| {
        let (value, rest) = from.split_at_checked(bytes)?;
        let sign = if value.first()? & 0x80 == 0 { 0 } else { -1 };
        Some((Value::Integer(value.iter().fold(sign, |all, byte| all << 8 | i64::from(*byte))), rest))
    };
    match kind {
        0 => Some((Value::Null, from)),
        1..=4 => integer(usize::try_from(kind).ok()?),
        5 => integer(6),
        6 => integer(8),
        7 => Some((Value::Real, from.split_at_checked(8)?.1)),
        8 | 9 => Some((Value::Integer(i64::from(kind == 9)), from)),
        10 | 11 => None,
        kind => {
            let (bytes, rest) = from.split_at_checked(usize::try_from((kind - 12) / 2).ok()?)?;
            let value = if kind % 2 == 0 { Value::Blob(bytes) } else { Value::Text(std::str::from_utf8(bytes).ok()?) };
            Some((value, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_variable_length() {
        let check = |bytes: &[u8], expect: Option<(u64, usize)>| assert_eq!(varint(bytes), expect, "{bytes:x?}");
        check(&[0x7f, 0xff], Some((127, 1)));
        check(&[0x81, 0x00], Some((128, 2)));
        check(&[0xff; 9], Some((u64::MAX, 9)));
        check(&[0x80], None);
        check(&[], None);
    }

    #[test]
    fn a_record_is_read_to_its_last_byte_or_not_at_all() {
        let whole = [6, 0, 1, 9, 15, 14, 0xff, b'a', 7];
        let expect = [Value::Null, Value::Integer(-1), Value::Integer(1), Value::Text("a"), Value::Blob(&[7])];
        assert_eq!(values(&whole).unwrap(), expect);
        assert_eq!(values(&whole[..8]), None);
        assert_eq!(values(&[&whole[..], &[0]].concat()), None);
        assert_eq!(values(&[3, 10, 0]), None);
        assert_eq!(values(&[200]), None);
        assert_eq!(values(&[2, 15, 0xff]), None);
    }
}
