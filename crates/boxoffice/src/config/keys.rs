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
    /// What its section is about.
    pub section: &'static str,
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

/// Everything that is wrong with the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<ConfigError>);

impl std::error::Error for ConfigFaults {}

impl std::fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
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
                    section: $section_doc.trim_ascii(),
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

            /// Every key with its value as text and as the TOML file has it, in the order of declaration.
            fn values(&self) -> Vec<(String, String, String)> {
                vec![$($((
                    $crate::config::keys::key_name($section, stringify!($key)),
                    self.$field.$key.to_string(),
                    $crate::config::value::TomlValue::toml(&self.$field.$key),
                ),)*)*]
            }

            /// A key's value as text.
            pub fn text(&self, name: &str) -> String {
                self.values().into_iter().find(|(key, ..)| key == name).map(|(_, text, _)| text).unwrap_or_default()
            }

            /// A key's value as the TOML file has it.
            pub fn toml(&self, name: &str) -> String {
                self.values().into_iter().find(|(key, ..)| key == name).map(|(.., toml)| toml).unwrap_or_default()
            }

            /// Every key with its value as it may be shown, in the order of declaration.
            pub fn shown(&self) -> Vec<(String, String)> {
                let shown = |(key, text, _): (String, String, String)| {
                    let text = $crate::config::show::masked(&key, &text);
                    (key, text)
                };
                self.values().into_iter().map(shown).collect()
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
