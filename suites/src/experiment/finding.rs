//! What a client's view of a failure says about outcome and phase.

use std::time::Duration;

use crate::client::ClientError;
use crate::observation::{Exit, Outcome, Phase};

/// What was found: how things ended, where, and what the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How things ended.
    pub outcome: Outcome,
    /// Where.
    pub phase: Phase,
    /// What the client was told.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(outcome: Outcome, phase: Phase, message: impl Into<String>) -> Self {
        Self {
            outcome,
            phase,
            message: message.into(),
        }
    }

    /// A request of `phase` failed with `error` after `elapsed`; the server ends what takes longer
    /// than `limit`. `exit` tells how the server ended, where it did.
    pub fn of_request(
        phase: Phase,
        error: &ClientError,
        elapsed: Duration,
        limit: Duration,
        exit: Option<Exit>,
    ) -> Self {
        let message = match exit {
            Some(exit) => format!("{error}; the server ended with {exit}"),
            None => error.text(),
        };
        let outcome = match error {
            _ if exit.is_some() => Outcome::Aborted,
            ClientError::TimedOut { .. } => Outcome::Hung,
            ClientError::Connection { .. } => Outcome::Aborted,
            ClientError::Malformed { .. } | ClientError::SetUp(_) => Outcome::WrongValues,
            ClientError::Refused { .. } if elapsed >= limit => Outcome::Hung,
            ClientError::Refused { text, .. } if tells_of_a_death(text) => Outcome::WorkerCrashed,
            ClientError::Refused { .. } => Outcome::Rejected,
        };
        let phase = if phase == Phase::Load {
            phase_of_refusal(&message)
        } else {
            phase
        };
        Self {
            outcome,
            phase,
            message,
        }
    }
}

/// What a server says that lacks the backend of a model: the sentence of `text` that says so. Triton
/// says it of a model as well as in its log.
pub fn missing_backend(text: &str) -> Option<&str> {
    const WORDS: &str = "unable to find backend library for backend '";
    let begin = text.find(WORDS)?;
    let sentence = &text[begin..];
    let end = sentence
        .find(['.', ';', '\n', '"'])
        .unwrap_or(sentence.len());
    Some(&sentence[..end])
}

/// Whether a refusal says that the process which hosted the op library ended.
fn tells_of_a_death(text: &str) -> bool {
    text.contains("killed by signal") || text.contains("exited with status")
}

/// Where a load ended, by the words of the refusal: the client has nothing else to go by. The
/// first clue that occurs counts, so the more specific ones come first.
pub fn phase_of_refusal(text: &str) -> Phase {
    const CLUES: [(&str, Phase); 22] = [
        // ONNX Runtime's own words, in which the loader's follow.
        ("failed to get symbol registercustomops", Phase::Register),
        ("both register op", Phase::Register),
        ("register the op", Phase::Register),
        ("register the namespace", Phase::Register),
        ("registers namespace", Phase::Register),
        ("custom op domain once", Phase::Register),
        ("has the plugin", Phase::Register),
        ("kernels of the same kind", Phase::Register),
        ("is a copy of", Phase::Register),
        ("needs the op", Phase::Load),
        ("needs a gpu", Phase::Load),
        ("could not find plugin", Phase::Load),
        ("plugin creators", Phase::Register),
        ("static initializer", Phase::Dlopen),
        ("undefined symbol", Phase::Dlopen),
        ("registercustomops", Phase::Register),
        ("getplugincreators", Phase::Register),
        ("registers neither", Phase::Register),
        ("api level", Phase::Register),
        ("the model file", Phase::Load),
        ("op library", Phase::Dlopen),
        (".so", Phase::Dlopen),
    ];
    let text = text.to_lowercase();
    CLUES
        .iter()
        .find(|(clue, _)| text.contains(clue))
        .map_or(Phase::Load, |&(_, phase)| phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);
    const SOON: Duration = Duration::from_millis(5);

    fn refused(text: &str) -> ClientError {
        ClientError::Refused {
            request: "POST /load".into(),
            status: 400,
            text: text.into(),
        }
    }

    fn outcome(error: ClientError, elapsed: Duration, exit: Option<Exit>) -> Outcome {
        Finding::of_request(Phase::FirstRun, &error, elapsed, LIMIT, exit).outcome
    }

    #[test]
    fn outcomes_are_told_apart() {
        let died = "the worker was killed by signal 11 (SIGSEGV)";
        assert_eq!(
            outcome(refused("no such file"), SOON, None),
            Outcome::Rejected
        );
        assert_eq!(outcome(refused(died), SOON, None), Outcome::WorkerCrashed);
        assert_eq!(outcome(refused(died), LIMIT, None), Outcome::Hung);
        assert_eq!(
            outcome(refused(died), SOON, Some(Exit::Signal(11))),
            Outcome::Aborted
        );
        let request = "POST /load".to_owned();
        let closed = ClientError::Connection {
            request: request.clone(),
            reason: "closed".into(),
        };
        assert_eq!(outcome(closed, SOON, None), Outcome::Aborted);
        let late = ClientError::TimedOut {
            request,
            limit: LIMIT,
        };
        assert_eq!(outcome(late, LIMIT * 9, None), Outcome::Hung);
    }

    #[test]
    fn a_missing_backend_is_told_in_the_servers_words() {
        let words = "unable to find backend library for backend 'onnxruntime', try specifying \
                     runtime on the model configuration";
        for text in [
            format!("version 1 is at UNAVAILABLE state: Invalid argument: {words}.;\n"),
            format!("E1 server.cc] \"failed to load 'm' version 1: {words}.\"\nnext line"),
            words.to_owned(),
        ] {
            assert_eq!(missing_backend(&text), Some(words), "{text}");
        }
        assert_eq!(missing_backend("unable to find backend"), None);
    }

    #[test]
    fn a_refused_load_tells_its_phase() {
        for (text, phase) in [
            (
                "onnx runtime error 1: Failed to get symbol RegisterCustomOps with error: /a.so: \
                 undefined symbol: RegisterCustomOps",
                Phase::Register,
            ),
            ("'/a.so' is not an ELF file", Phase::Dlopen),
            (
                "'/a.so' uses the undefined symbol OrtGetApiBase; use RegisterCustomOps",
                Phase::Dlopen,
            ),
            (
                "op library '/a.so': a static initializer crashed",
                Phase::Dlopen,
            ),
            (
                "op library '/a.so' exports no RegisterCustomOps",
                Phase::Register,
            ),
            ("op library '/a.so' asks for API level 99", Phase::Register),
            (
                "the model file '/m.onnx' needs X; name the op library that has it",
                Phase::Load,
            ),
            ("'/a.so' and '/b.so' both register op 'x'", Phase::Register),
            (
                "op library '/b.so' registers namespace 'x', which '/a.so' registered",
                Phase::Register,
            ),
            ("'/a.so' has the plugin 'x' already", Phase::Register),
            (
                "the model '/m' needs the op 'X'; an op library may provide it",
                Phase::Load,
            ),
            ("out of memory", Phase::Load),
        ] {
            let finding = Finding::of_request(Phase::Load, &refused(text), SOON, LIMIT, None);
            assert_eq!(finding.phase, phase, "{text}");
            assert_eq!(finding.message, text);
        }
    }
}
