//! JSON as Go's standard library reads and writes it, which is what the original's files and messages
//! are made of. It is not a general JSON layer: only the rules that those formats depend on are here.
//!
//! Reading: field names match in any case, unknown fields are skipped, `null` leaves a field at its
//! zero value. Stricter than Go: a field that occurs twice is an error, and so is text that is not
//! UTF-8. Writing: `<`, `>`, `&` and the two Unicode line separators are escaped.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that are padded standard base64 in JSON.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor).map(Self)
    }
}

impl fmt::Debug for Base64 {
    /// Only the length: these are modules and states.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base64({} bytes)", self.0.len())
    }
}

/// Secret bytes that are padded standard base64 in JSON; erased from memory when dropped.
#[derive(PartialEq, Eq)]
pub struct SecretBase64(Zeroizing<Vec<u8>>);

impl SecretBase64 {
    /// Takes secret bytes.
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The secret bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for SecretBase64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretBase64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64Visitor).map(|bytes| Self(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for SecretBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBase64(..)")
    }
}

struct Base64Visitor;

impl Visitor<'_> for Base64Visitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("padded base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        STANDARD.decode(text).map_err(E::custom)
    }
}

/// Whether Go takes `name` for the field `field`, which is ASCII.
pub(crate) fn is_field(name: &str, field: &str) -> bool {
    let folded = name.chars().map(|character| match character {
        // The only characters outside ASCII that fold into it: Kelvin sign and long s.
        '\u{212a}' => 'K',
        '\u{17f}' => 'S',
        other => other.to_ascii_uppercase(),
    });
    folded.eq(field.chars().map(|character| character.to_ascii_uppercase()))
}

/// Escapes in JSON text what Go escapes and serde_json does not. All of it can only occur inside
/// strings.
pub(crate) fn escape_like_go(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Implements `Deserialize` for a struct by Go's rules, given the name of each field in JSON. The
/// struct's default is what Go calls its zero value.
macro_rules! read_like_go {
    ($type:ident { $($name:literal => $field:ident,)* }) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                #[derive(Default)]
                struct Seen {
                    $($field: bool,)*
                }

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $type;

                    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$type, A::Error> {
                        let (mut value, mut seen) = ($type::default(), Seen::default());
                        while let Some(name) = map.next_key::<String>()? {
                            $(if $crate::go_json::is_field(&name, $name) {
                                if core::mem::replace(&mut seen.$field, true) {
                                    return Err(serde::de::Error::duplicate_field($name));
                                }
                                if let Some(read) = map.next_value::<Option<_>>()? {
                                    value.$field = read;
                                }
                                continue;
                            })*
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                        Ok(value)
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
}
pub(crate) use read_like_go;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample {
        text: String,
        skip: Option<Base64>,
    }
    read_like_go! { Sample { "Text" => text, "Skip" => skip, } }

    fn check(json: &str, expected: Option<(&str, Option<&[u8]>)>) {
        let read = serde_json::from_str::<Sample>(json).ok();
        let expected = expected.map(|(text, skip)| Sample {
            text: text.to_owned(),
            skip: skip.map(|bytes| Base64(bytes.to_vec())),
        });
        assert_eq!(read, expected, "{json}");
    }

    #[test]
    fn structs_are_read_by_the_rules_of_go() {
        check("{}", Some(("", None)));
        check(r#"{"text":"a","SKIP":"AQI="}"#, Some(("a", Some(&[1, 2]))));
        check(r#"{"Text":null,"Skip":null}"#, Some(("", None)));
        check("{\"\u{17f}\u{212a}ip\":\"\"}", Some(("", Some(&[]))));
        check(r#"{"other":{"Text":[1,{}]},"Text":"b"}"#, Some(("b", None)));
        check(r#"{"Text":"a","text":"b"}"#, None);
        check(r#"{"Text":1}"#, None);
        check(r#"{"Skip":"AQI"}"#, None);
        check(r#"{"Skip":"*"}"#, None);
        check("[]", None);
        check("null", None);
        check("{} {}", None);
    }

    #[test]
    fn html_and_line_separators_are_escaped() {
        let json = serde_json::to_string("<a&b>\u{2028}\u{2029}\n\"ä").expect("text");
        assert_eq!(escape_like_go(&json), r#""\u003ca\u0026b\u003e\u2028\u2029\n\"ä""#);
    }

    #[test]
    fn secret_bytes_are_not_shown() {
        let secret = SecretBase64::new(Zeroizing::new(vec![1, 2, 3]));
        assert_eq!(format!("{secret:?}"), "SecretBase64(..)");
        assert_eq!(serde_json::to_string(&secret).expect("text"), r#""AQID""#);
    }
}
