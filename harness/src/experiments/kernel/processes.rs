//! The processes that execute models.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use measure_protocol::{
    Client, ClientError, ClockEvents, Copy, DeviceRecord, Ran, Run, TensorFile, Write,
};
use runtimes::{Cache, Framework, Runtime};
use test_ops::{Model, PlanError};

use super::super::testbed::Testbed;
use super::case::{KernelCase, Place};
use super::data::Data;

/// The longest that one answer may take: a large tensor goes to the GPU and back some ten times.
const PATIENCE: Duration = Duration::from_secs(120);
/// The name of the model with the sample op.
pub const OWN: &str = "own";
/// The name of the composition.
pub const COMPOSED: &str = "composed";
/// The inputs whose answers are known.
const VALUES: &str = "values";
/// Inputs of other values, which are executed in turn with those, and whose answers take the place of
/// what a kernel that writes nothing would otherwise leave as it was.
const OTHERS: &str = "others";
/// What each byte of an output is before it is written. As fp16 and fp32, no answer.
const POISON: u8 = 0xA5;
/// Bytes of a copy that the device's bandwidth is told by.
pub const COPY_BYTES: u64 = 512 << 20;
/// Copies that are thrown away, and those that count.
const COPIES: (u32, u32) = (5, 20);

/// What a GPU's caches hold when an execution begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches {
    /// Nothing of the model's: something else was written there.
    Overwritten,
    /// What the execution before left.
    AsTheyAre,
}

/// A framework's runtime cannot use the GPU that this machine has.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotUseGpu(pub String);

/// The processes of one framework: one that is never traced, whose wall times are true, and one whose
/// kernels are. Both have the same models.
#[derive(Debug, Default)]
pub struct Processes {
    processes: Vec<Process>,
    /// What each framework's GPU is named.
    gpus: Vec<(Framework, String)>,
}

/// A process with the models of one case.
#[derive(Debug)]
pub struct Process {
    framework: Framework,
    is_traced: bool,
    client: Client,
    case: Option<KernelCase>,
    has_composition: bool,
    /// The inputs of the case whose answers are known.
    data: Option<Data>,
    /// What the device's copies move, in bytes a microsecond.
    copy_rate: Option<f64>,
    device: Option<DeviceRecord>,
}

impl Processes {
    /// Ends the processes of frameworks other than `framework`, whose memory they hold.
    pub fn keep(&mut self, framework: Framework) {
        self.processes
            .retain(|process| process.framework == framework);
    }

    /// Ends all processes: after an error, nobody knows what state one is in.
    pub fn end(&mut self) {
        self.processes.clear();
    }

    /// The GPU of a process that has measured what the device's copies move, in bytes a microsecond, and
    /// that.
    pub fn device(&self) -> Option<(&DeviceRecord, f64)> {
        let mut processes = self.processes.iter();
        processes.find_map(|process| Some((process.device.as_ref()?, process.copy_rate?)))
    }

    /// What `case` is executed on: the name of the GPU, or `cpu`. A process that executes it tells it,
    /// once a framework.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn device_of(&mut self, testbed: &Testbed, case: KernelCase) -> anyhow::Result<String> {
        if case.place == Place::Cpu {
            return Ok("cpu".to_owned());
        }
        let known = self.gpus.iter().find(|(own, _)| *own == case.framework);
        if let Some((_, name)) = known {
            return Ok(name.clone());
        }
        let name = self.of(testbed, case, false)?.device_name();
        self.gpus.push((case.framework, name.clone()));
        Ok(name)
    }

    /// The process for `case`, with its model and inputs, whose answers are right. `traced`: the one
    /// whose kernels are timed.
    ///
    /// # Errors
    /// [`CannotUseGpu`], a model cannot be loaded, or it answers with wrong values.
    pub fn of(
        &mut self,
        testbed: &Testbed,
        case: KernelCase,
        traced: bool,
    ) -> anyhow::Result<&mut Process> {
        self.processes
            .retain(|process| !process.is_spent_before(case));
        let known = self
            .processes
            .iter()
            .position(|process| process.framework == case.framework && process.is_traced == traced);
        let index = match known {
            Some(index) => index,
            None => {
                self.processes
                    .push(Process::start(testbed, case.framework, traced)?);
                self.processes.len() - 1
            }
        };
        let process = &mut self.processes[index];
        process.take(testbed, case)?;
        Ok(process)
    }
}

impl Process {
    fn start(testbed: &Testbed, framework: Framework, is_traced: bool) -> anyhow::Result<Self> {
        let runtime = testbed.runtime(framework)?;
        let options = testbed.options();
        let mut command = Command::new(&options.server_bin);
        command
            .args(["measure", "--runtime", &runtime.to_string()])
            .arg("--runtime-cache")
            .arg(&options.runtime_cache);
        if let Some(cupti) = cupti(testbed, framework)? {
            command.arg("--cupti").arg(cupti);
        }
        // TensorFlow would take all of the GPU's memory, and there are two processes and copies.
        command.env("TF_FORCE_GPU_ALLOW_GROWTH", "true");
        let log = testbed.scratch().join(format!("measure-{framework}.log"));
        Ok(Self {
            framework,
            is_traced,
            client: Client::start(&mut command, &log, PATIENCE)?,
            case: None,
            has_composition: false,
            data: None,
            copy_rate: None,
            device: None,
        })
    }

    /// Whether `case` has to be measured in another process: those with TensorRT 8.6 overflowed their
    /// stack where they prepared a second plan.
    fn is_spent_before(&self, case: KernelCase) -> bool {
        self.framework == Framework::TensorRt && self.case.is_some_and(|measured| measured != case)
    }

    /// Lets go of another case, and loads the model and the inputs of this one.
    fn take(&mut self, testbed: &Testbed, case: KernelCase) -> anyhow::Result<()> {
        if self.case == Some(case) {
            return Ok(());
        }
        if self.case.take().is_some() {
            self.client.unload(OWN)?;
            if std::mem::take(&mut self.has_composition) {
                self.client.unload(COMPOSED)?;
            }
            self.client.forget_inputs(VALUES)?;
            self.client.forget_inputs(OTHERS)?;
        }
        let model = case.executed_model();
        self.load(testbed, case, OWN, &model)?;
        for (name, seed) in [(VALUES, 1), (OTHERS, 2)] {
            let data = Data::new(case, seed);
            let files = data.write(testbed.scratch(), name)?;
            let set = self.client.set_inputs(name, files.clone());
            for file in &files {
                std::fs::remove_file(&file.file).ok();
            }
            set?;
            if name == VALUES {
                self.data = Some(data);
            }
        }
        self.case = Some(case);
        if case.place == Place::Gpu && self.device.is_none() {
            self.device = self.client.device()?;
        }
        self.check(testbed, OWN, &model)
    }

    /// Loads the composition beside the model, and checks its answers.
    ///
    /// # Errors
    /// It cannot be loaded, or answers with wrong values.
    pub fn compose(&mut self, testbed: &Testbed) -> anyhow::Result<()> {
        let case = self.case.context("no case was loaded")?;
        if self.has_composition {
            return Ok(());
        }
        let model = case.model().composed();
        self.load(testbed, case, COMPOSED, &model)?;
        self.has_composition = true;
        self.check(testbed, COMPOSED, &model)
            .context("the composition of the framework's own operators")
    }

    fn load(
        &mut self,
        testbed: &Testbed,
        case: KernelCase,
        name: &str,
        model: &Model,
    ) -> anyhow::Result<()> {
        let written = testbed.repository("kernels", std::slice::from_ref(model), case.place);
        let repository = written.map_err(|error| match error.downcast_ref::<PlanError>() {
            // The small TensorRT, and those without a builder in any registry.
            Some(PlanError::NoBuilder { .. }) => CannotUseGpu(format!("{error:#}")).into(),
            _ => error,
        })?;
        let place = match case.place {
            Place::Cpu => measure_protocol::Place::Cpu,
            Place::Gpu => measure_protocol::Place::Gpu(0),
        };
        match self.client.load(name, &repository.join(&model.name), place) {
            Ok(_) => Ok(()),
            Err(ClientError::WithoutGpu(reason)) => Err(CannotUseGpu(reason).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Holds an answer of `model`, which is loaded as `name`, against the reference maths. Before it,
    /// every model answers to other values: what they leave on the GPU is wrong here.
    fn check(&mut self, testbed: &Testbed, name: &str, model: &Model) -> anyhow::Result<()> {
        let mut models = vec![OWN.to_owned()];
        models.extend(self.has_composition.then(|| COMPOSED.to_owned()));
        self.client.run(&Run {
            models,
            inputs: vec![OTHERS.to_owned()],
            count: 1,
            trace: false,
            flush: false,
        })?;
        let written = self.client.write(&Write {
            model: name.to_owned(),
            inputs: VALUES.to_owned(),
            folder: testbed.scratch().to_owned(),
            poison: POISON,
        })?;
        let [output]: &[TensorFile] = &written[..] else {
            bail!("the model '{}' has {} outputs", model.name, written.len());
        };
        let data = self.data.as_ref().context("no inputs were made")?;
        let checked = data.check(model, output);
        std::fs::remove_file(&output.file).ok();
        checked.with_context(|| format!("the model '{}' answers with wrong values", model.name))
    }

    /// Executes `models` `count` times, each time on other inputs than the time before.
    ///
    /// # Errors
    /// An execution fails.
    pub fn run(&mut self, models: &[&str], count: u32, caches: Caches) -> anyhow::Result<Ran> {
        Ok(self.client.run(&Run {
            models: models.iter().map(|&name| name.to_owned()).collect(),
            inputs: vec![VALUES.to_owned(), OTHERS.to_owned()],
            count,
            trace: self.is_traced,
            flush: caches == Caches::Overwritten,
        })?)
    }

    /// Bytes that the op must move at least.
    #[must_use]
    pub fn moved_bytes(&self) -> u64 {
        self.data.as_ref().map_or(0, Data::moved_bytes)
    }

    /// The GPU's name, or `cpu`.
    #[must_use]
    pub fn device_name(&self) -> String {
        self.device
            .as_ref()
            .map_or_else(|| "cpu".to_owned(), |device| device.name.clone())
    }

    /// What a copy of `bytes` moves under the conditions of an execution, in bytes a microsecond. What
    /// the device's own copies move without them is measured with the first.
    ///
    /// # Errors
    /// The GPU refuses, or has no record of its copies.
    pub fn measure_copies(&mut self, bytes: u64) -> anyhow::Result<f64> {
        if self.copy_rate.is_none() {
            self.copy_rate = Some(self.rate_of_copies(COPY_BYTES, false)?);
        }
        self.rate_of_copies(bytes, true)
    }

    /// Twice what is copied, since it is read and written, by the median of the copies' times.
    fn rate_of_copies(&mut self, bytes: u64, from_host: bool) -> anyhow::Result<f64> {
        let mut copy = |count| {
            self.client.copy(Copy {
                bytes,
                count,
                from_host,
            })
        };
        copy(COPIES.0)?;
        let mut times = copy(COPIES.1)?;
        times.sort_unstable();
        let median = times.get(times.len() / 2);
        let median = *median.context("the GPU has no record of its copies")? as f64 / 1e3;
        Ok(2.0 * bytes as f64 / median)
    }
}

/// CUPTI for `framework`, where its own packages do not bring it: that of another runtime of the run.
fn cupti(testbed: &Testbed, framework: Framework) -> anyhow::Result<Option<PathBuf>> {
    let cache = Cache::at(&testbed.options().runtime_cache)?;
    let installed = |framework: &Framework| -> Option<Runtime> {
        cache.find(&testbed.runtime(*framework).ok()?)
    };
    let of = |runtime: Runtime| {
        let folders = runtime.library_dirs.into_iter();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
        let mut files: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libcupti.so")
        });
        files.into_iter().max()
    };
    if installed(&framework).and_then(of).is_some() {
        return Ok(None);
    }
    Ok(Framework::ALL
        .iter()
        .filter(|other| **other != framework)
        .filter_map(installed)
        .find_map(of))
}

/// What held the clocks down in any of `events`, in words, each once.
pub fn held_down(events: &[ClockEvents]) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for reason in events.iter().flat_map(|events| &events.held_down_by) {
        if !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }
    reasons
}
