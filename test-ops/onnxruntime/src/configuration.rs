//! The configuration block in this build, and what a rewritten file says instead.

use std::ffi::CString;

use crate::layout::{Configuration, SIZE, Text};

const DEFAULT: Configuration = Configuration {
    signature: 0,
    ops: 0b1111,
    fault: 0,
    // The newest level that ONNX Runtime 1.20 has.
    api_level: 20,
    domain: text("custom.ops"),
    form: 0,
    name: text(""),
    version: text("1"),
};

const fn text<const CAPACITY: usize>(text: &str) -> Text<CAPACITY> {
    match Text::new(text) {
        Some(text) => text,
        None => panic!("the defaults fit"),
    }
}

#[used]
#[unsafe(link_section = ".op_library_configuration")]
static BLOCK: [u8; SIZE] = DEFAULT.encode();

/// The configuration of the library as it was loaded.
pub(crate) fn read() -> Configuration {
    // SAFETY: the static is valid for reads. The compiler must not assume to know its content,
    // because the file may have been rewritten since: hence volatile.
    let block = unsafe { std::ptr::read_volatile(&raw const BLOCK) };
    Configuration::decode(&block)
}

/// A text of the configuration for the C interface.
pub(crate) fn c_string<const CAPACITY: usize>(text: &Text<CAPACITY>) -> CString {
    let bytes = text.as_bytes();
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_the_default() {
        assert_eq!(read(), DEFAULT);
        assert_eq!(c_string(&read().domain).as_c_str(), c"custom.ops");
    }
}
