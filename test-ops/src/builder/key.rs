use std::ffi::OsStr;

/// The name of something that is built: a hash of all that it is made from.
#[derive(Debug, Clone, Default)]
pub(super) struct Key {
    hasher: blake3::Hasher,
}

impl Key {
    /// The key with one more part, kept apart from the others by its length.
    pub(super) fn with(mut self, part: impl AsRef<[u8]>) -> Key {
        let part = part.as_ref();
        self.hasher.update(&(part.len() as u64).to_le_bytes());
        self.hasher.update(part);
        self
    }

    /// The key with a list of arguments.
    pub(super) fn with_arguments(self, arguments: &[impl AsRef<OsStr>]) -> Key {
        let count = (arguments.len() as u64).to_le_bytes();
        arguments.iter().fold(self.with(count), |key, argument| {
            key.with(argument.as_ref().as_encoded_bytes())
        })
    }

    /// As the name of a file or folder: 64 bits, far more than one cache has entries.
    pub(super) fn finish(&self) -> String {
        self.hasher.finalize().to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        let keys = [
            Key::default().with("ab").with("c"),
            Key::default().with("a").with("bc"),
            Key::default().with_arguments(&["ab", "c"]),
            Key::default().with_arguments(&["ab"]).with("c"),
        ]
        .map(|key| key.finish());
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{keys:?}");
        }
        assert_eq!(keys[0], Key::default().with("ab").with("c").finish());
    }
}
