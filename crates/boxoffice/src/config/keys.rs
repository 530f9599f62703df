//! The macro that makes config structs, and the list of their keys, from one declaration.

/// A key of the config.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    /// Its name in the TOML file, with the section: `http.max_connections`.
    pub name: String,
    /// What it is.
    pub help: &'static str,
    /// Its default, as text.
    pub default: String,
}

impl KeyInfo {
    /// Its flag, without the dashes.
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("BOXOFFICE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// What is wrong with the config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{source_name}: there is no key {key}")]
    Unknown {
        /// The key.
        key: String,
        /// Where it was found.
        source_name: String,
    },
    /// The value cannot be.
    #[error("{key}: {why}")]
    Invalid {
        /// The key.
        key: String,
        /// What is wrong with its value.
        why: String,
    },
    /// A file cannot be read.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        why: String,
    },
}

/// Declares config structs: section name => Type field { /// help, field: type = default, … }.
macro_rules! config {
    ($(
        #[doc = $section_doc:literal]
        $section:literal => $type:ident $field:ident {
            $(#[doc = $doc:literal] $key:ident : $value:ty = $default:expr,)*
        }
    )*) => {
        /// All settings.
        #[derive(Debug, Clone, Default)]
        pub struct Config {
            $(#[doc = $section_doc] pub $field: $type,)*
            /// API keys.
            pub keys: Vec<ApiKey>,
        }

        $(
            #[doc = $section_doc]
            #[derive(Debug, Clone)]
            pub struct $type {
                $(#[doc = $doc] pub $key: $value,)*
            }

            impl Default for $type {
                fn default() -> Self {
                    Self { $($key: $default,)* }
                }
            }
        )*

        impl Config {
            /// Every key, in the order of declaration.
            pub fn key_infos() -> Vec<KeyInfo> {
                let defaults = Self::default();
                vec![$($(KeyInfo {
                    name: $crate::config::keys::key_name($section, stringify!($key)),
                    help: $doc.trim_ascii(),
                    default: defaults.$field.$key.to_string(),
                },)*)*]
            }

            /// Sets a key from text.
            pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
                $($(
                    if name == $crate::config::keys::key_name($section, stringify!($key)) {
                        self.$field.$key = $crate::config::keys::parse(name, text)?;
                        return Ok(());
                    }
                )*)*
                Err(ConfigError::Unknown { key: name.to_owned(), source_name: "config".to_owned() })
            }

            /// Every key with its value as text, in the order of declaration.
            pub fn values(&self) -> Vec<(String, String)> {
                vec![$($((
                    $crate::config::keys::key_name($section, stringify!($key)),
                    self.$field.$key.to_string(),
                ),)*)*]
            }
        }
    };
}
pub(super) use config;

pub(super) fn key_name(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

pub(super) fn parse<T: std::str::FromStr>(key: &str, text: &str) -> Result<T, ConfigError>
where
    T::Err: std::fmt::Display,
{
    text.trim().parse().map_err(|error: T::Err| ConfigError::Invalid {
        key: key.to_owned(),
        why: format!("{text:?} is not a valid value: {error}"),
    })
}
