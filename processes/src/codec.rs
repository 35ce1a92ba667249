//! Values as bytes: every number at its full width, little endian.
//!
//! | value | bytes |
//! |---|---|
//! | `bool`, `u8`, `i8` | 1 |
//! | other numbers | their width |
//! | `char` | 4 |
//! | `()`, unit structs | none |
//! | text, bytes, sequence, map | a `u32` count, then the contents |
//! | tuple, struct, array | the contents |
//! | `Option` | 0, or 1 and the value |
//! | enum | the variant's index (1 byte, or 255 and a `u32`), then the contents |
//!
//! Both ends are the same program, so nothing describes itself, and nothing is
//! packed: a variable-length integer saves bytes that never leave the machine
//! and costs several nanoseconds a number, ten times a plain copy. That rules
//! out serde's forms that ask the data what it is (`untagged`, `flatten`), as
//! in every compact format. Unlike postcard, which this was, the codec keeps
//! what a `Serialize` or `Deserialize` said when it refused.
//!
//! Sizes in memory are never taken from a count: `serde`'s own collections
//! reserve at most a mebibyte before their elements have come.

mod de;
mod ser;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

pub(crate) use ser::Encoder;

/// Why a value cannot be turned into bytes, or back. It is boxed, for a result
/// that fits into registers is what makes small values cheap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Error(Box<Refusal>);

impl From<Refusal> for Error {
    #[cold]
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// What the value's own `Serialize` or `Deserialize` said.
    #[error("{0}")]
    Said(String),
    #[error("the bytes end before the value does")]
    CutShort,
    #[error("{0} bytes are left over after the value")]
    LeftOver(usize),
    #[error("{found} is no {expected}")]
    Invalid { expected: &'static str, found: u32 },
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("a length above 2^32 - 1")]
    TooLong,
    #[error("the bytes do not say what they are, and the type asks (`deserialize_any`)")]
    NotSelfDescribing,
}

impl serde::ser::Error for Error {
    fn custom<T: Display>(said: T) -> Self {
        Refusal::Said(said.to_string()).into()
    }
}

impl serde::de::Error for Error {
    fn custom<T: Display>(said: T) -> Self {
        Refusal::Said(said.to_string()).into()
    }
}

/// Appends a value's bytes. After an error some of them may be there.
#[inline]
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, to: &mut Encoder) -> Result<(), Error> {
    value.serialize(to)
}

/// Appends a value's bytes to a vector. After an error it is as before.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, to: &mut Vec<u8>) -> Result<(), Error> {
    let before = to.len();
    let mut encoder = Encoder::at(before, std::mem::take(to));
    let done = append(value, &mut encoder);
    let end = if done.is_ok() { encoder.end() } else { before };
    *to = encoder.into_room();
    to.truncate(end);
    done
}

/// Decodes a value that fills `bytes`; what is left over is an error.
#[inline]
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    match decode_first(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(Refusal::LeftOver(rest.len()).into()),
    }
}

/// Decodes the value at the front, and returns the rest.
#[inline]
pub(crate) fn decode_first<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), Error> {
    let mut decoder = de::Decoder(bytes);
    let value = T::deserialize(&mut decoder)?;
    Ok((value, decoder.0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::DeserializeOwned;

    use super::*;

    fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes).expect("it encodes");
        assert_eq!(&decode::<T>(&bytes).expect("it decodes"), value);
        for cut in 0..bytes.len() {
            assert!(decode::<T>(&bytes[..cut]).is_err(), "{value:?} cut to {cut}");
        }
        bytes.push(0);
        assert!(decode::<T>(&bytes).is_err(), "{value:?} and one more");
        bytes.pop();
        bytes
    }

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    enum Shape {
        Point,
        Circle(f64),
        Box { width: u16, height: u16 },
        Line(i8, char),
    }

    #[test]
    fn widths_are_as_the_table_says() {
        assert_eq!(round(&true), [1]);
        assert_eq!(round(&-2_i16), [254, 255]);
        assert_eq!(round(&7_u64), [7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(round(&Some(3_u8)), [1, 3]);
        assert_eq!(round(&None::<u64>), [0]);
        assert_eq!(round(&"ab".to_string()), [2, 0, 0, 0, b'a', b'b']);
        assert_eq!(round(&[1_u8, 2]), [1, 2]);
        assert_eq!(round(&()), [0_u8; 0]);
        assert_eq!(round(&Shape::Circle(0.0)), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn values_of_every_shape_come_back() {
        round(&(u128::MAX, i128::MIN, f32::MIN, 'ß', -1_i8, i32::MIN, i64::MAX, u32::MAX));
        round(&vec![Some("one".to_string()), None, Some(String::new())]);
        round(&BTreeMap::from([(1_u16, vec![1.5]), (2, Vec::new())]));
        round(&vec![
            Shape::Point,
            Shape::Circle(2.0),
            Shape::Box { width: 3, height: 4 },
            Shape::Line(-1, '→'),
        ]);
        round(&Ok::<Box<[u64]>, String>(Box::new([1, 2, 3])));
        round(&std::time::Duration::from_millis(1_500));
        round(&std::path::PathBuf::from("/a/b"));
        round(&vec![(); 1_000]);
    }

    #[test]
    fn what_is_refused_says_why() {
        fn refused<T: DeserializeOwned + std::fmt::Debug>(bytes: &[u8]) -> Refusal {
            *decode::<T>(bytes).expect_err("a refusal").0
        }
        assert!(matches!(refused::<bool>(&[2]), Refusal::Invalid { found: 2, .. }));
        assert!(matches!(refused::<Option<u8>>(&[9, 9]), Refusal::Invalid { found: 9, .. }));
        assert!(matches!(refused::<char>(&[0, 216, 0, 0]), Refusal::Invalid { .. }));
        assert_eq!(refused::<String>(&[1, 0, 0, 0, 255]), Refusal::NotUtf8);
        assert!(matches!(refused::<Shape>(&[9]), Refusal::Said(_)));
        let any = decode::<serde::de::IgnoredAny>(&[1]).expect_err("a refusal");
        assert_eq!(*any.0, Refusal::NotSelfDescribing);
    }

    #[test]
    fn a_sequence_of_unknown_length_has_its_count() {
        struct Odd;
        impl Serialize for Odd {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq((0_u8..9).filter(|n| n % 2 == 1))
            }
        }
        let mut bytes = Vec::new();
        encode(&Odd, &mut bytes).expect("it encodes");
        assert_eq!(decode::<Vec<u8>>(&bytes).expect("it decodes"), [1, 3, 5, 7]);
    }

    #[test]
    fn an_enum_of_many_variants() {
        struct Index(u32);
        impl Serialize for Index {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_unit_variant("Index", self.0, "any")
            }
        }
        for (index, expected) in [(254, &[254][..]), (255, &[255, 255, 0, 0, 0])] {
            let mut bytes = Vec::new();
            encode(&Index(index), &mut bytes).expect("it encodes");
            assert_eq!(bytes, expected);
        }
    }
}
