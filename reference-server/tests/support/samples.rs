//! A repository of sample models with their op library, in a folder that ends with the test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::repository::DynamicBatching;
use test_ops::{
    Builder, Configuration, Content, DataType, Library, Model, ModelRepository, Op,
    ParameterSource, Sample,
};

/// File name of the op library.
const LIBRARY: &str = "libsample_ops.so";

/// A model repository in a temporary folder, with the sample op library beside its models.
pub struct Samples {
    folder: tempfile::TempDir,
    repository: ModelRepository,
}

impl Samples {
    /// No models yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = ModelRepository::create(folder.path().join("models")).unwrap();
        let samples = Self { folder, repository };
        samples.put_library(&Sample::default().into());
        samples
    }

    /// One model named `small`: BiasGelu, fp32, `[-1,16]`, its bias a constant.
    pub fn with_small() -> Self {
        let samples = Self::new();
        samples.add(&small());
        samples
    }

    /// The repository's folder.
    pub fn root(&self) -> &Path {
        self.repository.root()
    }

    /// The repository, to write models that are not like the others.
    pub fn repository(&self) -> &ModelRepository {
        &self.repository
    }

    /// The op library's file.
    pub fn library(&self) -> PathBuf {
        self.root().join(LIBRARY)
    }

    /// Adds a further op library to the folder and returns its path.
    pub fn add_library(&self, file_name: &str, content: &Content) -> PathBuf {
        let path = self.root().join(file_name);
        let library = Library::new(Framework::OnnxRuntime, content.clone());
        builder().build_to(&library, runtime(), &path).unwrap();
        path
    }

    /// Puts another library in the op library's place.
    pub fn put_library(&self, content: &Content) {
        self.add_library(LIBRARY, content);
    }

    /// A configuration that names the op library and nothing else.
    pub fn configuration(&self) -> Configuration {
        Configuration::with_op_libraries([self.library().to_str().unwrap()])
    }

    /// Adds a model that uses the op library.
    pub fn add(&self, model: &Model) {
        self.add_with(model, |_| ());
    }

    /// Adds a model that uses the op library, with changes to its configuration.
    pub fn add_with(&self, model: &Model, change: impl FnOnce(&mut Configuration)) {
        let mut configuration = self.configuration();
        change(&mut configuration);
        self.repository.add(model, &configuration).unwrap();
    }
}

/// `dynamic_batching` that waits `delay_us` for a batch to become full.
pub fn batching(delay_us: u64) -> DynamicBatching {
    DynamicBatching {
        preferred_batch_sizes: Vec::new(),
        max_queue_delay_microseconds: delay_us,
    }
}

/// BiasGelu, fp32, `[-1,16]`, with a constant bias.
pub fn small() -> Model {
    Model::new(
        Op::BiasGelu,
        DataType::Fp32,
        &[-1, 16],
        ParameterSource::Constant,
    )
    .with_name("small")
}

/// A model of each op and data type, with the second operand as an input.
pub fn one_of_each() -> Vec<Model> {
    Op::ALL
        .into_iter()
        .flat_map(|op| {
            op.data_types()
                .iter()
                .map(move |&data_type| Model::new(op, data_type, &[-1, 24], ParameterSource::Input))
        })
        .collect()
}

/// Makes sure that the default runtime is installed.
pub fn install_runtime() {
    runtime();
}

/// The default runtime, which is installed where it is missing.
fn runtime() -> &'static Runtime {
    static INSTALLED: OnceLock<Runtime> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let catalog = Catalog::builtin();
        let entry = catalog.default_of(Framework::OnnxRuntime);
        installed(entry.expect("the catalogue has ONNX Runtime"))
    })
}

/// The default runtime of a framework, which is installed where it is missing.
pub fn default_runtime(framework: Framework) -> Runtime {
    let entry = Catalog::builtin().default_of(framework);
    installed(entry.expect("the catalogue has every framework"))
}

/// The runtime of the catalogue with this name, which is installed where it is missing.
pub fn runtime_named(name: &str) -> Runtime {
    let mut entries = Catalog::builtin().entries().iter();
    let entry = entries.find(|entry| entry.name().to_string() == name);
    installed(entry.expect("the catalogue has it"))
}

fn installed(entry: &runtimes::CatalogEntry) -> Runtime {
    let cache = Cache::locate(None).unwrap();
    cache.find(&entry.name()).unwrap_or_else(|| {
        let pip = Pip::find().unwrap();
        runtimes::install(&cache, entry, Size::Small, &pip, &Silent).unwrap()
    })
}

/// Builds the sample libraries.
pub fn builder() -> &'static Builder {
    static BUILDER: OnceLock<Builder> = OnceLock::new();
    BUILDER.get_or_init(|| Builder::in_cache(&Cache::locate(None).unwrap()))
}
