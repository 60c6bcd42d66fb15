//! The process that checks CUDA handles for the front: whether a region that a client registers is there.
//!
//! To know, the handle has to be opened in a CUDA context, which the front must not have: it is to
//! outlive whatever happens on a GPU.

use std::io::{BufRead, Write};

use anyhow::Context;

use super::gpu_region::GpuRegion;
use crate::ipc::handle_check::{Answer, Question};

/// Answers one [`Question`] after the other on standard input until its end. What was opened for one is
/// closed again before the answer.
///
/// # Errors
/// A line is no question, or standard input or output breaks.
pub fn run() -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("failed to read a question")?;
        let question: Question = serde_json::from_str(&line).context("it is no question")?;
        serde_json::to_writer(&mut output, &answer(&question)).context("failed to answer")?;
        writeln!(output).context("failed to answer")?;
        output.flush().context("failed to answer")?;
    }
    Ok(())
}

fn answer(question: &Question) -> Answer {
    let refusal = match question.memory() {
        Some(memory) => GpuRegion::open(&memory, question.byte_size())
            .err()
            .map(|error| error.to_string()),
        None => Some("the handle is not as long as one".to_owned()),
    };
    Answer { refusal }
}
