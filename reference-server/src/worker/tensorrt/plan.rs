//! The header of a plan, read before TensorRT sees the plan: TensorRT tells a wrong one by numbers
//! that are not its versions, and only where there is a GPU.
//!
//! From 8.6 on, as `libnvinfer` writes and checks it (little endian):
//!
//! | offset | size | content                                                        |
//! |-------:|-----:|----------------------------------------------------------------|
//! |      0 |    4 | `ftrt`                                                         |
//! |      4 |    4 | version of this layout, 0                                      |
//! |      8 |    8 | number of sections                                             |
//! |     16 |    8 | length of the whole plan                                       |
//! |     24 |    4 | the TensorRT that built it: major, minor, patch, build         |
//! |     28 |    4 | tag of the operating system that it was built for; 0 for Linux |
//! |     32 | 24 n | sections: kind, offset, length                                 |
//!
//! Older plans are one archive: `ptrt`, four zero bytes, a serialization tag, four zero bytes, and
//! the length of what follows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::version::Version;

/// Bytes that are read to judge a plan.
const HEADER_LENGTH: usize = 32;
/// Length of the header of a plan from before 8.6.
const ARCHIVE_HEADER_LENGTH: usize = 24;

/// Serialization tags whose TensorRT version is known.
const TAGS: [(u32, &str); 3] = [(205, "8.2"), (213, "8.4"), (232, "8.5")];

/// What a plan's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Built by 8.6 or newer.
    Plan {
        /// The TensorRT that built it.
        version: Version,
        /// Length of the plan in bytes.
        length: u64,
        /// The operating system that it was built for.
        platform: u32,
    },
    /// Built by a version before 8.6.
    Archive {
        /// Number of the serialization format.
        tag: u32,
        /// Length of the plan in bytes.
        length: u64,
    },
}

/// The runtime that is to run the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    /// Its version.
    pub(super) version: Version,
    /// Whether it is a lean runtime, which exists to run plans of other versions.
    pub(super) is_lean: bool,
}

/// Why a file is not given to TensorRT.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    /// It cannot be read.
    #[error("it cannot be read: {0}; check the file's permissions")]
    Unreadable(#[from] std::io::Error),
    /// It is something else.
    #[error(
        "it is no TensorRT plan: it begins with {start}, and a plan with 'ftrt'; build one from \
         the network with TensorRT's builder, for instance by `trtexec --saveEngine=model.plan`"
    )]
    NotAPlan {
        /// Its first bytes, for people.
        start: String,
    },
    /// Its end is missing.
    #[error("the plan is truncated: it has {has} bytes of {needs}; copy or build it again")]
    Truncated {
        /// Bytes that are there.
        has: u64,
        /// Bytes that there should be.
        needs: u64,
    },
    /// There is more than the header says.
    #[error(
        "the plan is damaged: its header says {says} bytes, and it has {has}; copy or build \
             it again"
    )]
    TooLong {
        /// Bytes that are there.
        has: u64,
        /// Bytes that the header says.
        says: u64,
    },
    /// Another TensorRT built it.
    #[error(
        "the plan was built by TensorRT {built}, and this worker runs TensorRT {runs}; a plan runs \
         with the version that built it: name such a runtime in the model's configuration, as in \
         parameters {{ key: \"runtime\" value {{ string_value: \"tensorrt-{example}\" }} }}, or \
         build the plan again with {runs}"
    )]
    OtherVersion {
        /// The version that built it, as far as it is told.
        built: String,
        /// The version in use.
        runs: Version,
        /// A version to name.
        example: String,
    },
    /// It was built for another operating system.
    #[error(
        "the plan was built for another operating system than Linux (platform tag {tag:#010x}); \
         build it again on Linux, or with the builder's runtime platform set to it"
    )]
    OtherPlatform {
        /// The header's tag.
        tag: u32,
    },
}

impl Header {
    /// Reads the header of the plan at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is no plan, or does not have the length that its header says.
    pub(super) fn read(path: &Path) -> Result<Self, PlanError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut start = Vec::with_capacity(HEADER_LENGTH);
        file.by_ref()
            .take(HEADER_LENGTH as u64)
            .read_to_end(&mut start)?;
        let header = Self::parse(&start)?;
        let (Self::Plan { length: says, .. } | Self::Archive { length: says, .. }) = header;
        match length.cmp(&says) {
            std::cmp::Ordering::Less => Err(PlanError::Truncated {
                has: length,
                needs: says,
            }),
            std::cmp::Ordering::Equal => Ok(header),
            std::cmp::Ordering::Greater => Err(PlanError::TooLong { has: length, says }),
        }
    }

    /// Reads the first bytes of a plan.
    fn parse(start: &[u8]) -> Result<Self, PlanError> {
        let needs = match start.get(..4) {
            Some(b"ftrt") => HEADER_LENGTH,
            Some(b"ptrt") => ARCHIVE_HEADER_LENGTH,
            _ => {
                return Err(PlanError::NotAPlan {
                    start: readable(start),
                });
            }
        };
        if start.len() < needs {
            return Err(PlanError::Truncated {
                has: start.len() as u64,
                needs: needs as u64,
            });
        }
        let word = |offset: usize| {
            u32::from_le_bytes([
                start[offset],
                start[offset + 1],
                start[offset + 2],
                start[offset + 3],
            ])
        };
        let long =
            |offset: usize| u64::from(word(offset)) | u64::from(word(offset + 4)) << u32::BITS;
        Ok(if needs == HEADER_LENGTH {
            Self::Plan {
                version: Version {
                    major: u32::from(start[24]),
                    minor: u32::from(start[25]),
                    patch: u32::from(start[26]),
                },
                length: long(16),
                platform: word(28),
            }
        } else {
            Self::Archive {
                tag: word(8),
                length: long(16).saturating_add(ARCHIVE_HEADER_LENGTH as u64),
            }
        })
    }

    /// Whether `reader` can run the plan, as far as the header tells.
    ///
    /// # Errors
    /// It cannot, for a reason that names both versions.
    pub(super) fn check(self, reader: Reader) -> Result<(), PlanError> {
        let other = |built: String, example: String| PlanError::OtherVersion {
            built,
            runs: reader.version,
            example,
        };
        match self {
            Self::Plan { platform, .. } if platform != 0 => {
                Err(PlanError::OtherPlatform { tag: platform })
            }
            // The builder alone knows whether it made the plan for other versions too.
            Self::Plan { version, .. } if reader.is_lean && version <= reader.version => Ok(()),
            Self::Plan { version, .. } if version == reader.version => Ok(()),
            Self::Plan { version, .. } => Err(other(version.to_string(), version.to_string())),
            Self::Archive { tag, .. } => {
                let known = TAGS.iter().find(|(known, _)| *known == tag);
                let (major, minor) = (reader.version.major, reader.version.minor);
                if known.is_some_and(|(_, version)| *version == format!("{major}.{minor}")) {
                    return Ok(());
                }
                let built = known.map_or_else(
                    || format!("before 8.6 (serialization tag {tag})"),
                    |(_, version)| format!("{version} (serialization tag {tag})"),
                );
                let example = known.map_or("8.5.3.1", |(_, version)| version);
                Err(other(built, example.to_owned()))
            }
        }
    }
}

/// The beginning of a file as people can read it.
fn readable(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing (the file is empty)".to_owned();
    }
    let bytes = &bytes[..bytes.len().min(8)];
    format!("'{}'", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TENSORRT_8_6: Reader = Reader {
        version: Version {
            major: 8,
            minor: 6,
            patch: 0,
        },
        is_lean: false,
    };

    fn plan(version: [u8; 4], length: u64, platform: u32) -> Vec<u8> {
        let mut bytes = b"ftrt\0\0\0\0".to_vec();
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(version);
        bytes.extend(platform.to_le_bytes());
        bytes
    }

    fn archive(tag: u32, payload: u64) -> Vec<u8> {
        let mut bytes = b"ptrt\0\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload.to_le_bytes());
        bytes
    }

    fn refusal(bytes: &[u8], reader: Reader) -> String {
        let header = Header::parse(bytes);
        header
            .and_then(|header| header.check(reader))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_plan_of_this_version_passes() {
        let header = Header::parse(&plan([8, 6, 0, 12], 100, 0)).unwrap();
        header.check(TENSORRT_8_6).unwrap();
        let archive = Header::parse(&archive(232, 76)).unwrap();
        let length = 100;
        assert_eq!(archive, Header::Archive { tag: 232, length });
        let tensorrt_8_5 = Reader {
            version: Version::from_number(8503),
            is_lean: false,
        };
        archive.check(tensorrt_8_5).unwrap();
    }

    #[test]
    fn a_plan_of_another_version_names_both_and_the_remedy() {
        let message = refusal(&plan([10, 16, 1, 11], 100, 0), TENSORRT_8_6);
        for part in ["10.16.1", "8.6.0", "tensorrt-10.16.1"] {
            assert!(message.contains(part), "{message}");
        }
        let message = refusal(&archive(232, 0), TENSORRT_8_6);
        assert!(message.contains("8.5 (serialization tag 232)"), "{message}");
        let message = refusal(&archive(96, 0), TENSORRT_8_6);
        assert!(message.contains("before 8.6"), "{message}");
    }

    #[test]
    fn a_lean_runtime_takes_older_plans() {
        let lean = Reader {
            version: Version::from_number(101_601),
            is_lean: true,
        };
        let older = Header::parse(&plan([8, 6, 1, 6], 100, 0)).unwrap();
        older.check(lean).unwrap();
        let message = refusal(&plan([11, 4, 0, 106], 100, 0), lean);
        assert!(message.contains("11.4.0"), "{message}");
    }

    #[test]
    fn other_files_and_platforms_are_told() {
        let message = refusal(b"\x08\x07onnx model", TENSORRT_8_6);
        assert!(message.contains("no TensorRT plan"), "{message}");
        let message = refusal(b"", TENSORRT_8_6);
        assert!(message.contains("empty"), "{message}");
        let message = refusal(&plan([8, 6, 0, 12], 100, 0x7472_7477), TENSORRT_8_6);
        assert!(message.contains("operating system"), "{message}");
    }

    #[test]
    fn a_file_of_another_length_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.plan");
        std::fs::write(&path, plan([8, 6, 0, 12], 100, 0)).unwrap();
        let message = Header::read(&path).unwrap_err().to_string();
        assert!(message.contains("32 bytes of 100"), "{message}");
        std::fs::write(&path, b"ftrt\0\0").unwrap();
        let message = Header::read(&path).unwrap_err().to_string();
        assert!(message.contains("6 bytes of 32"), "{message}");
        std::fs::write(&path, plan([8, 6, 0, 12], 30, 0)).unwrap();
        assert!(matches!(
            Header::read(&path),
            Err(PlanError::TooLong { has: 32, says: 30 })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(header) = Header::parse(&bytes) {
                let _ = header.check(TENSORRT_8_6);
            }
        }

        #[test]
        fn what_is_written_is_read(
            version: [u8; 4],
            length: u64,
            platform: u32,
        ) {
            let header = Header::parse(&plan(version, length, platform)).unwrap();
            let [major, minor, patch] = [version[0], version[1], version[2]].map(u32::from);
            prop_assert_eq!(
                header,
                Header::Plan { version: Version { major, minor, patch }, length, platform }
            );
        }
    }
}
