use runtimes::Framework;

use super::{Broken, Sample};

/// An op library that [`crate::Builder`] can build.
///
/// ```
/// use runtimes::Framework;
/// use test_ops::{Broken, Library, Sample};
/// let rebuilt = Library::new(Framework::PyTorch, Sample::default().with_signature(2));
/// let unfinished = Library::new(Framework::PyTorch, Broken::Truncated);
/// assert!(rebuilt.exists() && unfinished.exists());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Library {
    /// Whose op library it is, or pretends to be.
    pub framework: Framework,
    /// What is in the file.
    pub content: Content,
}

/// What is in the file of an op library.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// A library that the dynamic loader accepts; the sample operators, or a fault inside.
    Sample(Sample),
    /// A file that does not get as far as a working registration.
    Broken(Broken),
}

impl Library {
    /// The op library of `framework` with this content.
    pub fn new(framework: Framework, content: impl Into<Content>) -> Library {
        Library {
            framework,
            content: content.into(),
        }
    }

    /// Whether the framework can have such a library; see [`Sample::exists_for`] and
    /// [`Broken::exists_for`].
    pub fn exists(&self) -> bool {
        match &self.content {
            Content::Sample(sample) => sample.exists_for(self.framework),
            Content::Broken(broken) => broken.exists_for(self.framework),
        }
    }

    /// Name of the file that [`crate::Builder::build`] yields.
    pub fn file_name(&self) -> String {
        self.content.file_name()
    }
}

impl Content {
    /// Name of the file that [`crate::Builder::build`] yields, such as `libcustom_ops.so` or
    /// `libtruncated.so`. Samples share one name; their folders differ.
    pub fn file_name(&self) -> String {
        match self {
            Content::Sample(_) => "libcustom_ops.so".to_owned(),
            Content::Broken(broken) => format!("lib{}.so", broken.stem()),
        }
    }
}

impl From<Sample> for Content {
    fn from(sample: Sample) -> Content {
        Content::Sample(sample)
    }
}

impl From<Broken> for Content {
    fn from(broken: Broken) -> Content {
        Content::Broken(broken)
    }
}
