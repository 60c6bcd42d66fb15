//! The models that were loaded, or tried, at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::fingerprint::Fingerprint;
use super::served_model::ServedVersion;

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

/// The versions of a model that serve requests.
pub(super) type Serving = BTreeMap<i64, Arc<ServedVersion>>;

/// A model that was loaded, or tried, at least once.
#[derive(Default)]
pub(super) struct Entry {
    /// Held during a load or unload: one at a time for each model.
    operation: Arc<tokio::sync::Mutex<()>>,
    pub(super) state: Mutex<EntryState>,
}

#[derive(Default)]
pub(super) struct EntryState {
    pub(super) versions: BTreeMap<i64, VersionState>,
    pub(super) serving: Serving,
    /// What the model's files looked like when they were last loaded.
    pub(super) fingerprint: Option<Fingerprint>,
    /// The op libraries that were last loaded.
    pub(super) libraries: BTreeSet<PathBuf>,
    /// What the files and the op libraries looked like when polling last looked.
    pub(super) noticed: Option<Fingerprint>,
}

/// A model that nothing else is loading or unloading.
pub(super) struct Operation {
    pub(super) entry: Arc<Entry>,
    _held: OwnedMutexGuard<()>,
}

/// All of them, by name.
#[derive(Default)]
pub(super) struct Entries(Mutex<BTreeMap<String, Arc<Entry>>>);

impl Entries {
    /// The entry of a model, where it has one.
    pub(super) fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.0.lock().get(name).cloned()
    }

    /// The entry of a model, which it has from now on.
    pub(super) fn get_or_add(&self, name: &str) -> Arc<Entry> {
        self.0.lock().entry(name.to_owned()).or_default().clone()
    }

    /// All entries as they are now.
    pub(super) fn all(&self) -> BTreeMap<String, Arc<Entry>> {
        self.0.lock().clone()
    }

    /// Waits until no other load or unload of a model is under way, and begins one. It ends with the value.
    pub(super) async fn begin(&self, name: &str) -> Operation {
        loop {
            if let Some(operation) = self.begin_on(name, self.get_or_add(name)).await {
                return operation;
            }
        }
    }

    /// The same for a model that has an entry; `None` where it has none.
    pub(super) async fn begin_known(&self, name: &str) -> Option<Operation> {
        loop {
            let entry = self.get(name)?;
            if let Some(operation) = self.begin_on(name, entry).await {
                return Some(operation);
            }
        }
    }

    /// `None` where the model was forgotten meanwhile.
    async fn begin_on(&self, name: &str, entry: Arc<Entry>) -> Option<Operation> {
        let held = entry.operation.clone().lock_owned().await;
        let now = self.get(name);
        let is_current = now.is_some_and(|now| Arc::ptr_eq(&now, &entry));
        is_current.then_some(Operation { entry, _held: held })
    }

    /// Forgets the model of an operation, as if it had never been loaded. Nothing of it may serve.
    pub(super) fn forget(&self, name: &str, _operation: &Operation) {
        self.0.lock().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waited_for_a_model_that_was_forgotten_gets_a_new_one() {
        let entries = Arc::new(Entries::default());
        assert!(entries.begin_known("m").await.is_none());
        let first = entries.begin("m").await;
        let waiting = {
            let entries = entries.clone();
            tokio::spawn(async move { entries.begin("m").await.entry })
        };
        let unloading = {
            let entries = entries.clone();
            tokio::spawn(async move { entries.begin_known("m").await.is_some() })
        };
        // Both wait now: they were polled while this task yielded.
        while Arc::strong_count(&first.entry.operation) < 4 {
            tokio::task::yield_now().await;
        }
        entries.forget("m", &first);
        let old = first.entry.clone();
        drop(first);
        let new = waiting.await.unwrap();
        assert!(!Arc::ptr_eq(&old, &new));
        assert!(Arc::ptr_eq(&entries.get("m").unwrap(), &new));
        unloading.await.unwrap();
        assert_eq!(entries.all().len(), 1);
    }
}
