//! The model repository: which models there are, in which state, and how they come and go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::fingerprint::Fingerprint;
use super::loader::{LoadFailure, Loader};
use super::served_model::ServedVersion;
use crate::protocol::RequestError;

/// State of one model version, as the repository index tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// On its way to `Ready`.
    Loading,
    /// Serves requests.
    Ready,
    /// On its way out.
    Unloading,
    /// Serves nothing, for this reason.
    Unavailable(String),
}

/// One line of the index. A model that was never loaded has no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Model name.
    pub name: String,
    /// Version and its state.
    pub version: Option<(i64, VersionState)>,
}

/// The versions of a model that serve requests.
type Serving = BTreeMap<i64, Arc<ServedVersion>>;

/// A model that was loaded, or tried, at least once.
#[derive(Default)]
struct Entry {
    /// Held during a load or unload: one at a time for each model.
    operation: tokio::sync::Mutex<()>,
    state: Mutex<EntryState>,
}

#[derive(Default)]
struct EntryState {
    versions: BTreeMap<i64, VersionState>,
    serving: Serving,
    /// What the model's files looked like when they were last loaded.
    fingerprint: Option<Fingerprint>,
    /// The op libraries that were last loaded.
    libraries: BTreeSet<PathBuf>,
    /// What the files and the op libraries looked like when polling last looked.
    noticed: Option<Fingerprint>,
}

/// All models of a server.
pub struct Repository {
    folders: Vec<PathBuf>,
    loader: Arc<Loader>,
    entries: Mutex<BTreeMap<String, Arc<Entry>>>,
    /// Looked at by every request; replaced as a whole.
    serving: ArcSwap<HashMap<String, Serving>>,
    /// How long requests under way may delay an unload.
    drain_limit: Duration,
    /// The models of the start were tried; before that the server is not ready.
    initial_load_done: AtomicBool,
}

impl Repository {
    /// A repository over `folders` (which exist) with nothing loaded.
    pub fn new(folders: Vec<PathBuf>, loader: Loader, drain_limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            folders,
            loader: Arc::new(loader),
            entries: Mutex::new(BTreeMap::new()),
            serving: ArcSwap::default(),
            drain_limit,
            initial_load_done: AtomicBool::new(false),
        })
    }

    /// Names of all models that the folders hold.
    pub fn names(&self) -> BTreeSet<String> {
        self.folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    /// The folder of a model.
    ///
    /// # Errors
    /// No repository has it, or more than one does.
    fn folder_of(&self, name: &str) -> Result<PathBuf, String> {
        let is_plain = Path::new(name).file_name() == Some(OsStr::new(name));
        let mut found = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .filter(|folder| is_plain && folder.is_dir());
        match (found.next(), found.next()) {
            (Some(folder), None) => Ok(folder),
            (Some(first), Some(second)) => Err(format!(
                "model '{name}' is in two model repositories, '{}' and '{}'; give one of them \
                 another name",
                first.display(),
                second.display()
            )),
            (None, _) => Err(format!(
                "failed to poll from model repository: no folder '{name}' in {}",
                self.folders
                    .iter()
                    .map(|folder| format!("'{}'", folder.display()))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    /// The version of a model that serves a request: `version`, or the newest where it is `None`.
    ///
    /// # Errors
    /// 404 with Triton's wording.
    pub fn find(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Arc<ServedVersion>, RequestError> {
        let serving = self.serving.load();
        let Some(versions) = serving.get(name) else {
            let known = self.entries.lock().contains_key(name);
            return Err(RequestError::not_found(if known {
                format!("Request for unknown model: '{name}' has no available versions")
            } else {
                format!("Request for unknown model: '{name}' is not found")
            }));
        };
        match version {
            None => Ok(versions
                .values()
                .next_back()
                .expect("a served model has a version")
                .clone()),
            Some(text) => {
                let number: i64 = text.parse().map_err(|_| {
                    RequestError::invalid(format!(
                        "failed to get model version from specified version string '{text}' (details: \
                         not an integer), version should be an integral value > 0"
                    ))
                })?;
                if number < 0 {
                    return Err(RequestError::invalid(format!(
                        "invalid model version specified '{number}' , version should be an integral \
                         value > 0"
                    )));
                }
                versions.get(&number).cloned().ok_or_else(|| {
                    RequestError::not_found(format!(
                        "Request for unknown model: '{name}' version {number} is not found"
                    ))
                })
            }
        }
    }

    /// All serving versions of all models, in order.
    pub fn all_serving(&self) -> Vec<Arc<ServedVersion>> {
        let serving = self.serving.load();
        let mut all: Vec<_> = serving
            .values()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect();
        all.sort_by(|a, b| (a.name(), a.version()).cmp(&(b.name(), b.version())));
        all
    }

    /// Serving versions of one model.
    pub fn versions_of(&self, name: &str) -> Vec<Arc<ServedVersion>> {
        let serving = self.serving.load();
        serving
            .get(name)
            .map(|versions| versions.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Notes that the models of the start were tried.
    pub fn finish_initial_load(&self) {
        self.initial_load_done.store(true, Ordering::Release);
    }

    /// Whether the models of the start were tried.
    pub fn started(&self) -> bool {
        self.initial_load_done.load(Ordering::Acquire)
    }

    /// What loads its models.
    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// Whether every model that was loaded serves, and every op library that was given to all
    /// models of a framework could be used.
    pub fn all_ready(&self) -> bool {
        if !self.loader.hosting().is_sound() {
            return false;
        }
        let entries = self.entries.lock();
        entries.values().all(|entry| {
            let state = entry.state.lock();
            state.versions.values().all(|version| match version {
                VersionState::Ready => true,
                VersionState::Unavailable(reason) => is_unloaded(reason),
                VersionState::Loading | VersionState::Unloading => false,
            })
        })
    }

    /// The index: every model of the folders and every model that was loaded.
    pub fn index(&self, ready_only: bool) -> Vec<IndexEntry> {
        let mut names = self.names();
        let entries = self.entries.lock().clone();
        names.extend(entries.keys().cloned());
        let mut index = Vec::new();
        for name in names {
            let versions = entries
                .get(&name)
                .map(|entry| entry.state.lock().versions.clone())
                .unwrap_or_default();
            if versions.is_empty() && !ready_only {
                index.push(IndexEntry {
                    name: name.clone(),
                    version: None,
                });
            }
            for (version, state) in versions {
                if !ready_only || state == VersionState::Ready {
                    index.push(IndexEntry {
                        name: name.clone(),
                        version: Some((version, state)),
                    });
                }
            }
        }
        index
    }

    fn entry(&self, name: &str) -> Arc<Entry> {
        self.entries
            .lock()
            .entry(name.to_owned())
            .or_default()
            .clone()
    }

    /// Loads a model, or loads it again where its files changed; `override_json` takes the place
    /// of its `config.pbtxt`. While the new versions are prepared, the old ones serve; where they
    /// cannot be loaded, the old ones stay.
    ///
    /// # Errors
    /// A sentence for each version that failed, as Triton words it.
    pub async fn load(
        self: &Arc<Self>,
        name: &str,
        override_json: Option<&str>,
    ) -> Result<(), String> {
        let outcome = self.load_as_it_is(name, override_json).await;
        if let Err(reason) = &outcome {
            tracing::error!("{}", reason.trim_end());
        }
        outcome
    }

    async fn load_as_it_is(
        self: &Arc<Self>,
        name: &str,
        override_json: Option<&str>,
    ) -> Result<(), String> {
        let failed = |reason: String| format!("load failed for model '{name}': {reason}");
        let entry = match self.folder_of(name) {
            Ok(_) => self.entry(name),
            Err(reason) => return Err(format!("failed to load '{name}', {reason}")),
        };
        let _operation = entry.operation.lock().await;
        let folder = self.folder_of(name).map_err(&failed)?;
        // Before anything is read: what changes from here on counts as changed.
        let before = Fingerprint::of_folder(&folder);
        let plan = match self.loader.plan(name, &folder, override_json) {
            Ok(plan) => Arc::new(plan),
            Err(reason) => {
                self.note_failure(&entry, name, &[1], &reason);
                return Err(failed(reason));
            }
        };
        {
            let mut state = entry.state.lock();
            let loaded: Vec<i64> = state.serving.keys().copied().collect();
            let wanted: Vec<i64> = plan
                .versions
                .iter()
                .map(|version| version.version)
                .collect();
            if loaded == wanted
                && override_json.is_none()
                && state.fingerprint.as_ref() == Some(&before)
                && !state
                    .serving
                    .values()
                    .any(|served| served.libraries_changed())
                && state
                    .versions
                    .values()
                    .all(|version| *version == VersionState::Ready)
            {
                return Ok(());
            }
            for version in wanted {
                if !state.serving.contains_key(&version) {
                    state.versions.insert(version, VersionState::Loading);
                }
            }
        }
        let mut serving = Serving::new();
        let mut failures = Vec::new();
        for version in &plan.versions {
            match self
                .loader
                .load(&plan, version, self.given_up(name, version.version))
                .await
            {
                Ok(served) => {
                    serving.insert(version.version, served);
                }
                Err(LoadFailure(reason)) => failures.push((version.version, reason)),
            }
        }
        // While the later versions were loaded, the worker of an earlier one may have died for good.
        for (version, served) in &serving {
            if served.scheduler().is_stopped() {
                let reason = "its worker died while other versions were loaded".to_owned();
                failures.push((*version, reason));
            }
        }
        if !failures.is_empty() {
            for served in serving.into_values() {
                self.retire(served).await;
            }
            let reasons: String = failures
                .iter()
                .map(|(version, reason)| {
                    format!("version {version} is at UNAVAILABLE state: Internal: {reason};\n")
                })
                .collect();
            for (version, reason) in &failures {
                self.note_failure(&entry, name, &[*version], reason);
            }
            let mut state = entry.state.lock();
            state
                .versions
                .retain(|_, version| *version != VersionState::Loading);
            drop(state);
            return Err(failed(reasons));
        }
        let old = {
            let mut state = entry.state.lock();
            state.versions = serving
                .keys()
                .map(|&version| (version, VersionState::Ready))
                .collect();
            // A configuration that came with the request is not the folder's.
            state.fingerprint = override_json.is_none().then_some(before);
            state.libraries = serving
                .values()
                .flat_map(|served| served.op_libraries.iter().cloned())
                .collect();
            self.publish(name, serving.clone());
            std::mem::replace(&mut state.serving, serving)
        };
        tracing::info!("successfully loaded '{name}'");
        for served in old.into_values() {
            self.retire(served).await;
        }
        Ok(())
    }

    /// Marks versions unavailable, unless an older load of them still serves.
    fn note_failure(&self, entry: &Entry, name: &str, versions: &[i64], reason: &str) {
        let mut state = entry.state.lock();
        for version in versions {
            if state.serving.contains_key(version) {
                tracing::warn!(
                    "model '{name}' version {version} keeps serving as it was loaded before"
                );
            } else {
                state
                    .versions
                    .insert(*version, VersionState::Unavailable(reason.to_owned()));
            }
        }
    }

    /// What happens when a worker gives a version up.
    fn given_up(self: &Arc<Self>, name: &str, version: i64) -> super::worker::GivenUp {
        let repository = Arc::downgrade(self);
        let name = name.to_owned();
        Arc::new(move |key, reason| {
            let Some(repository) = repository.upgrade() else {
                return;
            };
            let entry = repository.entry(&name);
            let mut state = entry.state.lock();
            // Another load of the same version is not concerned.
            if state
                .serving
                .get(&version)
                .is_none_or(|served| served.key != key)
            {
                return;
            }
            state.serving.remove(&version);
            state.fingerprint = None;
            state
                .versions
                .insert(version, VersionState::Unavailable(reason.to_owned()));
            // Under the lock: what is published last must be what is true last.
            repository.publish(&name, state.serving.clone());
        })
    }

    fn publish(&self, name: &str, serving: Serving) {
        self.serving.rcu(|table| {
            let mut table = HashMap::clone(table);
            if serving.is_empty() {
                table.remove(name);
            } else {
                table.insert(name.to_owned(), serving.clone());
            }
            table
        });
    }

    /// Lets a version finish what it has and releases it. Where its worker ends with it, the process
    /// is gone on return: what it had, memory of a GPU for one, is free for the next load.
    async fn retire(&self, served: Arc<ServedVersion>) -> Vec<String> {
        let ending = served.worker.ending();
        let notes = served.retire(self.drain_limit).await;
        drop(served);
        ending.wait(ENDING_LIMIT).await;
        notes
    }

    /// Unloads a model: requests that come later are refused, those under way are finished.
    /// Nothing happens to a model that there is not, as in Triton.
    pub async fn unload(&self, name: &str) {
        let Some(entry) = self.entries.lock().get(name).cloned() else {
            return;
        };
        let _operation = entry.operation.lock().await;
        let serving = {
            let mut state = entry.state.lock();
            state.fingerprint = None;
            // A model that comes back is new.
            state.noticed = None;
            for (version, state) in &mut state.versions {
                let _ = version;
                *state = VersionState::Unloading;
            }
            std::mem::take(&mut state.serving)
        };
        let served_before = !serving.is_empty();
        self.publish(name, Serving::new());
        let mut reasons: BTreeMap<i64, String> = BTreeMap::new();
        for (version, served) in serving {
            let notes = self.retire(served).await;
            for note in &notes {
                tracing::warn!("after unloading model '{name}': {note}");
            }
            if !notes.is_empty() {
                reasons.insert(version, notes.join("; "));
            }
        }
        let mut state = entry.state.lock();
        for (version, state) in &mut state.versions {
            *state = VersionState::Unavailable(match reasons.get(version) {
                Some(notes) => format!("{UNLOADED}; {notes}"),
                None => UNLOADED.to_owned(),
            });
        }
        if served_before {
            tracing::info!("successfully unloaded '{name}'");
        }
    }

    /// Picks up what changed in the folders: new models, changed ones, models that are gone.
    pub async fn poll(self: &Arc<Self>) {
        let present = self.names();
        for name in &present {
            if self.changed(name) {
                // The log tells of a failure.
                self.load(name, None).await.ok();
            }
        }
        let known: Vec<String> = self.entries.lock().keys().cloned().collect();
        for name in known {
            if !present.contains(&name) && !self.is_unloaded(&name) {
                self.unload(&name).await;
            }
        }
    }

    /// Whether a model's files differ from what they were at the last look. A model that failed
    /// is tried again when its files change, not at every look, also while an older load of it
    /// serves.
    fn changed(&self, name: &str) -> bool {
        let Ok(folder) = self.folder_of(name) else {
            return false;
        };
        let entry = self.entry(name);
        let mut now = Fingerprint::of_folder(&folder);
        let mut state = entry.state.lock();
        state.libraries.iter().for_each(|library| now.add(library));
        state.noticed.replace(now.clone()) != Some(now)
    }

    /// Whether every version of a model was unloaded on demand.
    fn is_unloaded(&self, name: &str) -> bool {
        self.entry(name).state.lock().versions.values().all(
            |version| matches!(version, VersionState::Unavailable(reason) if is_unloaded(reason)),
        )
    }

    /// Unloads everything, for the end of the server.
    pub async fn close(&self) {
        let names: Vec<String> = self.entries.lock().keys().cloned().collect();
        for name in names {
            self.unload(&name).await;
        }
        self.loader.release();
    }
}

/// The longest wait for the process of a worker to be gone. It was killed: only what the kernel and the
/// driver have to clean up takes time.
const ENDING_LIMIT: Duration = Duration::from_secs(10);
/// Reason of a version that was unloaded on demand.
const UNLOADED: &str = "unloaded";

fn is_unloaded(reason: &str) -> bool {
    reason == UNLOADED || reason.starts_with("unloaded;")
}
