//! The model repository: which models there are, in which state, and how they come and go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::blocking::blocking;
use super::entries::{Entries, Entry, Operation, Serving};
use super::fingerprint::Fingerprint;
use super::given_files::check_model_name;
use super::loader::{LoadFailure, Loader};
use super::model_folder::{ModelFolder, ModelFolders};
use super::served_model::ServedVersion;
use crate::protocol::RequestError;
use crate::protocol::repository::LoadRequest;
use arc_swap::ArcSwap;

pub use super::entries::VersionState;

/// One line of the index. A model that was never loaded has no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Model name.
    pub name: String,
    /// Version and its state.
    pub version: Option<(i64, VersionState)>,
}

/// All models of a server.
pub struct Repository {
    folders: ModelFolders,
    loader: Arc<Loader>,
    entries: Entries,
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
            folders: ModelFolders(folders),
            loader: Arc::new(loader),
            entries: Entries::default(),
            serving: ArcSwap::default(),
            drain_limit,
            initial_load_done: AtomicBool::new(false),
        })
    }

    /// Names of all models that the folders hold.
    pub fn names(&self) -> BTreeSet<String> {
        self.folders.names()
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
            let known = self.entries.get(name).is_some();
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
        self.entries.all().values().all(|entry| {
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
        let entries = self.entries.all();
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

    /// Loads a model, or loads it again where its files changed. A configuration in the request takes the
    /// place of its `config.pbtxt`, and files in the request that of its folder, which need not exist
    /// then. While the new versions are prepared, the old ones serve; where they cannot be loaded, the old
    /// ones stay.
    ///
    /// # Errors
    /// A sentence for each version that failed, as Triton words it.
    pub async fn load(self: &Arc<Self>, name: &str, request: LoadRequest) -> Result<(), String> {
        let outcome = self.load_as_it_is(name, request).await;
        if let Err(reason) = &outcome {
            tracing::error!("{}", reason.trim_end());
        }
        outcome
    }

    async fn load_as_it_is(
        self: &Arc<Self>,
        name: &str,
        request: LoadRequest,
    ) -> Result<(), String> {
        let LoadRequest { config, files } = request;
        let not_there = |reason: String| format!("failed to load '{name}', {reason}");
        // A model that there is not must leave nothing behind, an entry included.
        if files.is_empty() {
            self.folders.find(name).map_err(not_there)?;
        } else {
            check_model_name(name).map_err(|error| not_there(error.to_string()))?;
        }
        let operation = self.entries.begin(name).await;
        let (folder, before) = if files.is_empty() {
            let folder = match self.folders.find(name) {
                Ok(folder) => folder,
                Err(reason) => {
                    self.forget_if_gone(name, &operation);
                    return Err(not_there(reason));
                }
            };
            // Before anything is read: what changes from here on counts as changed.
            let before = Fingerprint::of_folder(&folder);
            (ModelFolder::InRepository(folder), before)
        } else {
            let place = self.loader.given_files().clone();
            match blocking(move || place.write(files)).await {
                Ok(given) => (ModelFolder::Given(Arc::new(given)), Fingerprint::default()),
                Err(error) => {
                    self.forget_if_gone(name, &operation);
                    return Err(not_there(error.to_string()));
                }
            }
        };
        let outcome = self
            .load_from(&operation.entry, name, &folder, config.as_deref(), before)
            .await;
        if outcome.is_err() {
            self.forget_if_gone(name, &operation);
        }
        // Files that nothing was loaded from are removed.
        blocking(move || drop(folder)).await;
        outcome
    }

    /// Loads a model from `folder`, which looked like `before`.
    async fn load_from(
        self: &Arc<Self>,
        entry: &Entry,
        name: &str,
        folder: &ModelFolder,
        override_json: Option<&str>,
        before: Fingerprint,
    ) -> Result<(), String> {
        let failed = |reason: String| format!("load failed for model '{name}': {reason}");
        let plan = match self.loader.plan(name, folder.clone(), override_json) {
            Ok(plan) => Arc::new(plan),
            Err(reason) => {
                self.note_failure(entry, name, &[1], &reason);
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
                self.note_failure(entry, name, &[*version], reason);
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
            let Some(entry) = repository.entries.get(&name) else {
                return;
            };
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
        // With the last version that was loaded from files of a request, these are removed.
        blocking(move || drop(served)).await;
        ending.wait(ENDING_LIMIT).await;
        notes
    }

    /// Unloads a model: requests that come later are refused, those under way are finished.
    /// Nothing happens to a model that there is not, as in Triton.
    pub async fn unload(&self, name: &str) {
        let Some(operation) = self.entries.begin_known(name).await else {
            return;
        };
        let entry = &operation.entry;
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
        drop(state);
        self.forget_if_gone(name, &operation);
        if served_before {
            tracing::info!("successfully unloaded '{name}'");
        }
    }

    /// Forgets a model of which nothing serves and nothing is in the repositories: it came with a request,
    /// and clients could fill the memory with such names.
    fn forget_if_gone(&self, name: &str, operation: &Operation) {
        let serves = !operation.entry.state.lock().serving.is_empty();
        if !serves && !self.folders.have(name) {
            self.entries.forget(name, operation);
        }
    }

    /// Picks up what changed in the folders: new models, changed ones, models that are gone.
    pub async fn poll(self: &Arc<Self>) {
        let present = self.names();
        for name in &present {
            if self.changed(name) {
                // The log tells of a failure.
                self.load(name, LoadRequest::default()).await.ok();
            }
        }
        let known: Vec<String> = self.entries.all().into_keys().collect();
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
        let Ok(folder) = self.folders.find(name) else {
            return false;
        };
        let entry = self.entries.get_or_add(name);
        let mut now = Fingerprint::of_folder(&folder);
        let mut state = entry.state.lock();
        state.libraries.iter().for_each(|library| now.add(library));
        state.noticed.replace(now.clone()) != Some(now)
    }

    /// Whether every version of a model was unloaded on demand.
    fn is_unloaded(&self, name: &str) -> bool {
        self.entries.get(name).is_none_or(|entry| {
            entry.state.lock().versions.values().all(
                |version| matches!(version, VersionState::Unavailable(reason) if is_unloaded(reason)),
            )
        })
    }

    /// Unloads everything, for the end of the server.
    pub async fn close(&self) {
        let names: Vec<String> = self.entries.all().into_keys().collect();
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
