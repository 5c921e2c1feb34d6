//! Percent-encoding of addresses.

use percent_encoding::percent_decode_str;

use super::AddressError;

/// Decodes a part of an address to bytes.
///
/// # Errors
/// A `%` is not followed by two hexadecimal digits, or the result has a NUL character.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, AddressError> {
    let is_encoded = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_encoded) {
        return Err(AddressError::Encoding(
            "a % that is not followed by two hex digits: a % itself is written %25",
        ));
    }
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    if decoded.contains(&0) {
        return Err(AddressError::Encoding("a NUL character"));
    }
    Ok(decoded)
}

/// Decodes a part of an address to text.
///
/// # Errors
/// As [`decode`], or the result is not UTF-8.
pub(super) fn decode_text(text: &str) -> Result<String, AddressError> {
    String::from_utf8(decode(text)?)
        .map_err(|_| AddressError::Encoding("a percent-encoding that is not UTF-8"))
}
