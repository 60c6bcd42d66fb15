//! What a file that is no ELF file seems to be.

/// Says what a file seems to be, from its first bytes; completes "it seems to be …".
pub(crate) fn describe(start: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 16] = [
        (b"MZ", "a Windows library (PE)"),
        (b"\xcf\xfa\xed\xfe", "a macOS library (Mach-O)"),
        (b"\xce\xfa\xed\xfe", "a macOS library (Mach-O)"),
        (b"\xfe\xed\xfa\xcf", "a macOS library (Mach-O)"),
        (
            b"\xca\xfe\xba\xbe",
            "a macOS universal library (Mach-O) or a Java class",
        ),
        (
            b"PK\x03\x04",
            "a zip archive, such as a wheel; the library may be inside",
        ),
        (b"!<arch>\n", "a static library or another ar archive"),
        (b"\x1f\x8b", "gzip-compressed data"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
        (b"BZh", "bzip2-compressed data"),
        (b"\xfd7zXZ\0", "xz-compressed data"),
        (b"BC\xc0\xde", "LLVM bitcode"),
        (b"#!", "a script"),
        (b"INPUT", "a linker script"),
        (b"/* GNU ld script", "a linker script"),
        (
            b"version https://git-lfs",
            "a Git LFS pointer: the file itself was not fetched (git lfs pull)",
        ),
    ];
    if start.is_empty() {
        return "an empty file";
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return name;
    }
    if start.len() > 262 && &start[257..262] == b"ustar" {
        return "a tar archive";
    }
    if start.iter().all(|byte| *byte == 0) {
        return "a file of zeros, such as an interrupted download leaves";
    }
    let start_of_markup = start.iter().position(|byte| !byte.is_ascii_whitespace());
    if start_of_markup.is_some_and(|at| start[at] == b'<') {
        return "HTML or XML, such as the error page of a failed download";
    }
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The block may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match text {
        Some(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => "a text file",
        _ => "binary data of an unknown kind",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_mistakes_are_recognised() {
        for (start, expected) in [
            (&b""[..], "empty"),
            (b"this is not a library\n", "text"),
            ("größer".as_bytes(), "text"),
            (b"#!/bin/sh\n", "script"),
            (b"PK\x03\x04....", "wheel"),
            (b"!<arch>\n/", "static library"),
            (b"MZ\x90\0\x03", "PE"),
            (b"\xcf\xfa\xed\xfe\x07", "Mach-O"),
            (b"  <!DOCTYPE html>", "HTML"),
            (b"\0\0\0\0", "zeros"),
            (b"\x01\x02\xff\xfe", "unknown"),
        ] {
            assert!(
                describe(start).contains(expected),
                "{start:?}: {}",
                describe(start)
            );
        }
    }

    proptest! {
        #[test]
        fn anything_has_a_description(start in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(!describe(&start).is_empty());
        }
    }
}
