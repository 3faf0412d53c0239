//! Owns reading a type from a tree of values: structs from objects, field by field in the order of the type.
//! Must not know the types, nor the format that the tree was made from.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Error, Map, Number, Value};

/// A tree to read from. The deserialiser that `serde_json` has for its values gives a type the fields of an object as
/// they come, and each type then has code to tell them apart, notice doubles and find what is missing. This one looks
/// them up and gives them in the type's own order, as it would the elements of a list: a third of that code to download.
pub struct Tree(pub Value);

impl Tree {
    fn refuse<'de, V: Visitor<'de>>(&self, visitor: &V) -> Error {
        let found = match &self.0 {
            Value::Null => "nothing",
            Value::Bool(_) => "a yes or no",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Error::invalid_type(serde::de::Unexpected::Other(found), visitor)
    }
}

fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
    match (number.as_u64(), number.as_i64()) {
        (Some(value), _) => visitor.visit_u64(value),
        (None, Some(value)) => visitor.visit_i64(value),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn list<'de, V: Visitor<'de>>(values: Vec<Value>, visitor: V) -> Result<V::Value, Error> {
    let mut items = SeqDeserializer::new(values.into_iter().map(Tree));
    let read = visitor.visit_seq(&mut items)?;
    items.end().map(|()| read)
}

fn object<'de, V: Visitor<'de>>(fields: Map<String, Value>, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_map(MapDeserializer::new(fields.into_iter().map(|(key, value)| (key, Tree(value)))))
}

/// The fields of an object in the order of a type.
struct Fields {
    given: Map<String, Value>,
    names: std::slice::Iter<'static, &'static str>,
}

impl Fields {
    fn of(given: Map<String, Value>, names: &'static [&'static str]) -> Self {
        Self { given, names: names.iter() }
    }

    /// The next field, and its value where it has one.
    fn take(&mut self) -> Option<Option<Value>> {
        self.names.next().map(|name| self.given.remove(*name))
    }
}

impl<'de> SeqAccess<'de> for Fields {
    type Error = Error;

    /// A field that is not there is absent where its type can be, and else what the type says of that: a default, or an
    /// error that counts the field.
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(given) = self.take() else { return Ok(None) };
        let is_given = given.is_some();
        // One call, since what a type's reading takes is compiled for each.
        match seed.deserialize(Tree(given.unwrap_or_default())) {
            Err(_) if !is_given => Ok(None),
            read => read.map(Some),
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match &self.0 {
                Value::Number(value) => number(value, visitor),
                _ => Err(self.refuse(&visitor)),
            }
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0 {
                Value::String(text) => visitor.visit_string(text),
                _ => Err(self.refuse(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => number(&value, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(values) => list(values, visitor),
            Value::Object(fields) => object(fields, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.refuse(&visitor)),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    texts! { deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(values) => list(values, visitor),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) => object(fields, visitor),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(given) => visitor.visit_seq(Fields::of(given, names)),
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant without content is its name; one with content is an object of one field.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Variant { name, content: Value::Null }),
            Value::Object(fields) if fields.len() == 1 => match fields.into_iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant { name, content }),
                None => Err(Error::custom("an object lost its one field")),
            },
            _ => Err(self.refuse(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple_struct }
}

impl IntoDeserializer<'_, Error> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A variant of an enum: its name, then what it holds.
struct Variant {
    name: String,
    content: Value,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Tree;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Tree), Error> {
        Ok((seed.deserialize(Tree(Value::String(self.name)))?, Tree(self.content)))
    }
}

impl<'de> VariantAccess<'de> for Tree {
    type Error = Error;

    /// Content of a variant that has none here: a later version's, of a kind that this one does not know.
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", names, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use shared::event::{Batch, Body, Event, RequestColumns};
    use shared::ids::RunId;
    use shared::preset::PRESETS;
    use shared::view::RunView;
    use shared::wire::ServerMessage;

    fn check<T: serde::Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let sent = rmp_serde::to_vec_named(value).unwrap();
        let tree: Value = rmp_serde::from_slice(&sent).unwrap();
        assert_eq!(&T::deserialize(Tree(tree)).unwrap(), value);
        let tree = serde_json::to_value(value).unwrap();
        assert_eq!(&T::deserialize(Tree(tree)).unwrap(), value);
    }

    /// A type of which fields may be missing.
    #[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
    struct Sparse {
        missed: Option<u32>,
        #[serde(default = "seven")]
        defaulted: u32,
        needed: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listed: Vec<u32>,
    }

    fn seven() -> u32 {
        7
    }

    #[test]
    fn what_is_sent_arrives() {
        let run = RunId::new(1, 2);
        let batch = Batch {
            trial: 3,
            bins: Vec::new(),
            in_flight: 7,
            waiting: 0,
            requests: RequestColumns::default(),
            rest: Vec::new(),
        };
        check(&ServerMessage::Events {
            run: run.clone(),
            events: vec![Event { seq: 1, t_ns: 2, body: Body::Batch(batch) }],
        });
        check(&ServerMessage::Snapshot { run: run.clone(), view: Box::new(RunView::default()), now_ns: None });
        check(&ServerMessage::Gap { run, missed: 9 });
        for preset in &PRESETS {
            check(&shared::preset::find(preset.key).unwrap());
        }
        assert_eq!(Body::deserialize(Tree(serde_json::json!({ "later": [1] }))).unwrap(), Body::Unknown);
        for missed in [Some(9), None] {
            check(&Sparse { needed: 1, missed, defaulted: 7, listed: vec![] });
        }
        let sparse: Sparse = serde_json::from_str(r#"{"later": {}, "needed": 1}"#).unwrap();
        let tree = serde_json::json!({ "later": {}, "needed": 1 });
        assert_eq!(Sparse::deserialize(Tree(tree)).unwrap(), sparse);
        check(&(-1i64, 0.5f64, Some("text".to_owned()), None::<u8>, true));
    }

    #[test]
    fn what_does_not_fit_is_a_sentence_and_no_panic() {
        let message = |value: Value| ServerMessage::deserialize(Tree(value)).unwrap_err().to_string();
        for value in [
            Value::Null,
            7.into(),
            "nothing of the kind".into(),
            serde_json::json!({ "rows": 7 }),
            serde_json::json!({ "gap": { "run": "r" } }),
        ] {
            assert!(!message(value).is_empty());
        }
    }
}
