//! The process that checks CUDA handles for the front: whether a region that a client registers is there.
//!
//! To know, the handle has to be opened in a CUDA context, which the front must not have: it is to
//! outlive whatever happens on a GPU.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use anyhow::Context;

use super::gpu;
use super::gpu_region::GpuRegion;
use super::primary_context::PrimaryContext;
use crate::ipc::handle_check::{Answer, Question};

/// Answers one [`Question`] after the other on standard input until its end. What was opened for one is
/// closed again before the answer; the context that it was opened in stays for the next one.
///
/// # Errors
/// A line is no question, standard input or output breaks, or the GPU is lost to this process.
pub fn run() -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    let mut contexts = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.context("failed to read a question")?;
        let question: Question = serde_json::from_str(&line).context("it is no question")?;
        let answer = answer(&question, &mut contexts);
        serde_json::to_writer(&mut output, &answer).context("failed to answer")?;
        writeln!(output).context("failed to answer")?;
        output.flush().context("failed to answer")?;
        if answer.refusal.is_some() && gpu::is_any_lost() {
            anyhow::bail!("a GPU takes no more work from this process");
        }
    }
    Ok(())
}

fn answer(question: &Question, contexts: &mut HashMap<u32, PrimaryContext>) -> Answer {
    let refusal = match question.memory() {
        Some(memory) => {
            let opened = GpuRegion::open(&memory, question.byte_size());
            if opened.is_ok()
                && let Ok(context) = PrimaryContext::of_gpu(memory.device)
            {
                contexts.insert(memory.device, context);
            }
            opened.err().map(|error| error.to_string())
        }
        None => Some("the handle is not as long as one".to_owned()),
    };
    Answer { refusal }
}
