//! Conditions of `#[cfg(…)]`: whether code exists only in a test build.

use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// Returns whether an attribute excludes its item from every build that is not a test build.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| is_false_without_test(&condition))
    })
}

/// Evaluates a condition with `test` unset; every other option may be set or not.
fn is_false_without_test(condition: &Meta) -> bool {
    let Meta::List(list) = condition else { return condition.path().is_ident("test") };
    let Ok(parts) = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone()) else {
        return false;
    };
    if list.path.is_ident("all") {
        parts.iter().any(is_false_without_test)
    } else {
        list.path.is_ident("any") && parts.iter().all(is_false_without_test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_needs_the_test_option_is_test_only() {
        #[track_caller]
        fn check(attribute: &str, expected: bool) {
            let item: syn::ItemStruct = syn::parse_str(&format!("{attribute} struct S;")).unwrap();
            assert_eq!(is_test_only(&item.attrs), expected, "{attribute}");
        }

        check("#[cfg(test)]", true);
        check("#[cfg(all(test, unix))]", true);
        check("#[cfg(any(test, feature = \"f\"))]", false);
        check("#[cfg(any(test, all(unix, test)))]", true);
        check("#[cfg(not(test))]", false);
        check("#[cfg(feature = \"test\")]", false);
        check("#[derive(Debug)]", false);
    }
}
