//! Parameters in the query, found as ASP.NET finds them: whatever the case of their names.

/// The first value of the parameter.
pub(crate) fn find(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn names_are_found_in_any_case_and_values_are_decoded() {
        assert_eq!(find(Some("eventId=7&ID=a%2Fb"), "id").as_deref(), Some("a/b"));
        assert_eq!(find(Some("eventId=7"), "id"), None);
        assert_eq!(find(Some("id"), "id").as_deref(), Some(""));
        assert_eq!(find(None, "id"), None);
    }
}
