//! Paths of the protocol.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::front::restriction::Api;

/// What a path asks for. Names are percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/v2`
    ServerMetadata,
    /// `/v2/health/live`
    Live,
    /// `/v2/health/ready`
    Ready,
    /// `/v2/models/stats`
    AllStatistics,
    /// `/v2/models/{name}[/versions/{version}]{/action}`
    Model {
        /// Model name.
        name: Cow<'a, str>,
        /// Version as it stands in the path.
        version: Option<Cow<'a, str>>,
        /// What about it.
        action: ModelAction,
    },
    /// `/v2/repository/index` or `/v2/repository/{repository}/index`
    RepositoryIndex,
    /// `/v2/repository/models/{name}/load`
    Load(Cow<'a, str>),
    /// `/v2/repository/models/{name}/unload`
    Unload(Cow<'a, str>),
    /// `/v2/repository/{repository}/models/{name}/{load|unload}`: models have one name over all
    /// repositories
    InOneRepository,
    /// `/v2[/models/{name}]/trace/setting`
    TraceSettings(Option<Cow<'a, str>>),
    /// `/v2/logging`
    Logging,
    /// `/v2/systemsharedmemory[/region/{name}]/{action}`, and the same for CUDA
    SharedMemory {
        /// Which kind of memory.
        kind: RegionKind,
        /// Name of the region; all of them where there is none.
        name: Option<Cow<'a, str>>,
        /// What about it.
        action: RegionAction,
    },
}

/// Kinds of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// `systemsharedmemory`
    System,
    /// `cudasharedmemory`
    Cuda,
}

/// What is asked about shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionAction {
    /// `/status`
    Status,
    /// `/register`
    Register,
    /// `/unregister`
    Unregister,
}

/// What is asked about a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelAction {
    /// Nothing: its metadata.
    Metadata,
    /// `/infer`
    Infer,
    /// `/ready`
    Ready,
    /// `/config`
    Configuration,
    /// `/stats`
    Statistics,
}

impl<'a> Route<'a> {
    /// The route of a path, `None` where the protocol has none. A trailing slash does not matter.
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.trim_end_matches('/').split('/');
        if segments.next()? != "v2" {
            return None;
        }
        let rest: smallvec::SmallVec<[&str; 6]> = segments.collect();
        Some(match rest.as_slice() {
            [] => Self::ServerMetadata,
            ["health", "live"] => Self::Live,
            ["health", "ready"] => Self::Ready,
            ["models", "stats"] => Self::AllStatistics,
            ["logging"] => Self::Logging,
            ["trace", "setting"] => Self::TraceSettings(None),
            ["models", name, "trace", "setting"] => Self::TraceSettings(Some(decode(name)?)),
            ["models", name, "versions", version, action @ ..] => Self::Model {
                name: decode(name)?,
                version: Some(number(version)?),
                action: ModelAction::parse(action)?,
            },
            ["models", name, action @ ..] => Self::Model {
                name: decode(name)?,
                version: None,
                action: ModelAction::parse(action)?,
            },
            ["repository", "index"] | ["repository", _, "index"] => Self::RepositoryIndex,
            ["repository", "models", name, "load"] => Self::Load(decode(name)?),
            ["repository", "models", name, "unload"] => Self::Unload(decode(name)?),
            ["repository", _, "models", _, "load" | "unload"] => Self::InOneRepository,
            [memory, region @ .., action] => {
                let name = match region {
                    [] => None,
                    ["region", name] => Some(decode(name)?),
                    _ => return None,
                };
                Self::SharedMemory {
                    kind: RegionKind::parse(memory)?,
                    name,
                    action: RegionAction::parse(action)?,
                }
            }
            _ => return None,
        })
    }

    /// The part of the interface that it belongs to.
    pub fn api(&self) -> Api {
        match self {
            Self::ServerMetadata => Api::Metadata,
            Self::Live | Self::Ready => Api::Health,
            Self::AllStatistics => Api::Statistics,
            Self::Model { action, .. } => match action {
                ModelAction::Metadata => Api::Metadata,
                ModelAction::Infer => Api::Inference,
                ModelAction::Ready => Api::Health,
                ModelAction::Configuration => Api::ModelConfig,
                ModelAction::Statistics => Api::Statistics,
            },
            Self::RepositoryIndex | Self::Load(_) | Self::Unload(_) | Self::InOneRepository => {
                Api::ModelRepository
            }
            Self::SharedMemory { .. } => Api::SharedMemory,
            Self::TraceSettings(_) => Api::Trace,
            Self::Logging => Api::Logging,
        }
    }

    /// Whether it also answers to POST, beside its method.
    pub fn can_be_changed(&self) -> bool {
        matches!(self, Self::TraceSettings(_) | Self::Logging)
    }

    /// The method that the route answers to.
    pub fn method(&self) -> http::Method {
        match self {
            Self::RepositoryIndex | Self::Load(_) | Self::Unload(_) | Self::InOneRepository => {
                http::Method::POST
            }
            Self::Model {
                action: ModelAction::Infer,
                ..
            } => http::Method::POST,
            Self::SharedMemory {
                action: RegionAction::Register | RegionAction::Unregister,
                ..
            } => http::Method::POST,
            _ => http::Method::GET,
        }
    }
}

impl RegionKind {
    fn parse(segment: &str) -> Option<Self> {
        match segment {
            "systemsharedmemory" => Some(Self::System),
            "cudasharedmemory" => Some(Self::Cuda),
            _ => None,
        }
    }
}

impl RegionAction {
    fn parse(segment: &str) -> Option<Self> {
        Some(match segment {
            "status" => Self::Status,
            "register" => Self::Register,
            "unregister" => Self::Unregister,
            _ => return None,
        })
    }
}

impl ModelAction {
    fn parse(segments: &[&str]) -> Option<Self> {
        Some(match segments {
            [] => Self::Metadata,
            ["infer"] => Self::Infer,
            ["ready"] => Self::Ready,
            ["config"] => Self::Configuration,
            ["stats"] => Self::Statistics,
            _ => return None,
        })
    }
}

/// A version; what is no number is none, as in Triton.
fn number(segment: &str) -> Option<Cow<'_, str>> {
    let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(Cow::Borrowed(segment))
}

fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if segment.is_empty() {
        return None;
    }
    percent_decode_str(segment).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model<'a>(
        name: &'a str,
        version: Option<&'a str>,
        action: ModelAction,
    ) -> Option<Route<'a>> {
        Some(Route::Model {
            name: name.into(),
            version: version.map(Cow::from),
            action,
        })
    }

    #[test]
    fn every_path_of_the_protocol_is_known() {
        assert_eq!(Route::parse("/v2"), Some(Route::ServerMetadata));
        assert_eq!(Route::parse("/v2/"), Some(Route::ServerMetadata));
        assert_eq!(Route::parse("/v2/health/live"), Some(Route::Live));
        assert_eq!(Route::parse("/v2/models/stats"), Some(Route::AllStatistics));
        assert_eq!(
            Route::parse("/v2/models/m"),
            model("m", None, ModelAction::Metadata)
        );
        assert_eq!(
            Route::parse("/v2/models/a%20b/versions/3/infer"),
            model("a b", Some("3"), ModelAction::Infer)
        );
        assert_eq!(
            Route::parse("/v2/models/stats/config"),
            model("stats", None, ModelAction::Configuration)
        );
        assert_eq!(
            Route::parse("/v2/repository/index"),
            Some(Route::RepositoryIndex)
        );
        assert_eq!(
            Route::parse("/v2/repository/models/m/load"),
            Some(Route::Load("m".into()))
        );
        assert_eq!(
            Route::parse("/v2/repository/r/models/m/unload"),
            Some(Route::InOneRepository)
        );
        let region = |kind, name: Option<&'static str>, action| {
            let name = name.map(Cow::from);
            Some(Route::SharedMemory { kind, name, action })
        };
        assert_eq!(
            Route::parse("/v2/models/a%20b/trace/setting"),
            Some(Route::TraceSettings(Some("a b".into())))
        );
        assert_eq!(
            Route::parse("/v2/trace/setting"),
            Some(Route::TraceSettings(None))
        );
        assert_eq!(Route::parse("/v2/logging"), Some(Route::Logging));
        assert_eq!(
            Route::parse("/v2/systemsharedmemory/status"),
            region(RegionKind::System, None, RegionAction::Status)
        );
        assert_eq!(
            Route::parse("/v2/cudasharedmemory/region/a%2Fb/register"),
            region(RegionKind::Cuda, Some("a/b"), RegionAction::Register)
        );
        for unknown in [
            "/v2/systemsharedmemory",
            "/v2/systemsharedmemory/a/status",
            "/v2/systemsharedmemory/region/a/b/status",
            "/v2/systemsharedmemory/region/a/load",
            "",
            "/",
            "/v1",
            "/v2/models",
            "/v2/models/m/run",
            "/v2/models//infer",
            "/v2/models/%ff",
            "/v2/models/m/versions/x/infer",
            "/v2/models/m/versions/-1",
        ] {
            assert_eq!(Route::parse(unknown), None, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_paths_are_routed_or_not(path in ".{0,80}") {
            let _ = Route::parse(&path);
        }
    }
}
