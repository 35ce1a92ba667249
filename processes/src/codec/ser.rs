//! The encoding half.

use std::mem;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Error, Refusal, append};
use crate::spare;

/// Appends what it is given to the bytes of a vector, of which those up to an
/// end count; what is behind it is room that may be written.
///
/// The end is a number of its own, and not the vector's length, and the vector
/// is held and not borrowed, because so a loop can keep all of it in registers.
/// To write the length down after every few bytes, and to read it again for the
/// next, took longer than the bytes did.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    room: Vec<u8>,
    end: usize,
}

type Done = Result<(), Error>;

impl Encoder {
    /// Goes on at `end`, which is not behind the last byte.
    pub(crate) fn at(end: usize, room: Vec<u8>) -> Self {
        debug_assert!(end <= room.len());
        Self { room, end }
    }

    /// Where the bytes that count end.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// The vector, with the room behind the end.
    #[inline]
    pub(crate) fn into_room(self) -> Vec<u8> {
        self.room
    }

    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        match self.room.get_mut(self.end..self.end + bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => self.room = grow(mem::take(&mut self.room), self.end, bytes),
        }
        self.end += bytes.len();
    }

    fn count(&mut self, count: usize) -> Done {
        let count = u32::try_from(count).map_err(|_| Refusal::TooLong)?;
        self.put(&count.to_le_bytes());
        Ok(())
    }

    fn variant(&mut self, index: u32) {
        match u8::try_from(index) {
            Ok(index) if index < u8::MAX => self.put(&[index]),
            _ => {
                self.put(&[u8::MAX]);
                self.put(&index.to_le_bytes());
            }
        }
    }
}

/// Puts bytes where there was no room for them, and makes more room: an eighth
/// of what there is, so that a byte is cleared once before it is written.
#[cold]
#[inline(never)]
fn grow(mut room: Vec<u8>, end: usize, bytes: &[u8]) -> Vec<u8> {
    let needed = end + bytes.len();
    if let Some(mut larger) = spare::reuse(needed) {
        larger[..end].copy_from_slice(&room[..end]);
        larger[end..needed].copy_from_slice(bytes);
        spare::keep(room);
        return larger;
    }
    room.truncate(end);
    room.extend_from_slice(bytes);
    let more = (needed / 8).max(256).min(room.capacity() - needed);
    room.resize(needed + more, 0);
    room
}

macro_rules! numbers {
    ($($name:ident $number:ty),*) => {
        $(#[inline]
        fn $name(self, value: $number) -> Done {
            self.put(&value.to_le_bytes());
            Ok(())
        })*
    };
}

impl<'a> Serializer for &'a mut Encoder {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Sequence<'a>;
    type SerializeTupleStruct = Sequence<'a>;
    type SerializeTupleVariant = Sequence<'a>;
    type SerializeMap = Sequence<'a>;
    type SerializeStruct = Sequence<'a>;
    type SerializeStructVariant = Sequence<'a>;

    numbers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64, serialize_u128 u128, serialize_f32 f32, serialize_f64 f64
    );

    fn serialize_bool(self, value: bool) -> Done {
        self.serialize_u8(value.into())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_u32(value.into())
    }

    fn serialize_str(self, value: &str) -> Done {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.count(value.len())?;
        self.put(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Done {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        self.put(&[1]);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Done {
        self.variant(index);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Done {
        self.variant(index);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Sequence<'a>, Error> {
        let at = self.end;
        self.count(length.unwrap_or(0))?;
        // A sequence that does not know its length says it when it ends.
        Ok(Sequence { to: self, at: length.is_none().then_some(at), elements: 0 })
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Sequence<'a>, Error> {
        Ok(Sequence { to: self, at: None, elements: 0 })
    }

    fn serialize_tuple_struct(self, _: &'static str, n: usize) -> Result<Sequence<'a>, Error> {
        self.serialize_tuple(n)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        n: usize,
    ) -> Result<Sequence<'a>, Error> {
        self.variant(index);
        self.serialize_tuple(n)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Sequence<'a>, Error> {
        self.serialize_seq(length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, n: usize) -> Result<Sequence<'a>, Error> {
        self.serialize_tuple(n)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        n: usize,
    ) -> Result<Sequence<'a>, Error> {
        self.variant(index);
        self.serialize_tuple(n)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Elements that follow each other, whatever they are the elements of.
pub(crate) struct Sequence<'a> {
    to: &'a mut Encoder,
    /// Where the count has yet to be written.
    at: Option<usize>,
    elements: usize,
}

impl Sequence<'_> {
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.elements += 1;
        append(value, self.to)
    }

    #[inline]
    fn finish(self) -> Done {
        if let Some(at) = self.at {
            let count = u32::try_from(self.elements).map_err(|_| Refusal::TooLong)?;
            self.to.room[at..at + 4].copy_from_slice(&count.to_le_bytes());
        }
        Ok(())
    }
}

macro_rules! sequences {
    ($($shape:ident $element:ident),*) => {
        $(impl $shape for Sequence<'_> {
            type Ok = ();
            type Error = Error;
            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.finish()
            }
        })*
    };
}

sequences!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! structs {
    ($($shape:ident),*) => {
        $(impl $shape for Sequence<'_> {
            type Ok = ();
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Done {
                self.element(value)
            }
            fn end(self) -> Done {
                self.finish()
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Sequence<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        append(value, self.to)
    }

    fn end(self) -> Done {
        self.finish()
    }
}
