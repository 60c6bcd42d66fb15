//! What runs when a file is opened: the functions that its initializers lead to.

use std::collections::BTreeSet;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::program::Program;
use super::state::PARAMETERS;

/// Bytes of functions that are decoded at most: what would take more is not told.
const MAX_DECODED: u64 = 24 << 20;

/// Whether a function of another file whose name is `wanted` is called by what runs when the file is
/// opened; `None` where the code does not tell: nothing calls such a function by its name, or there
/// is too much code.
///
/// A function runs if an initializer or another one that runs calls it, or hands its address on as a
/// parameter. One whose address is only kept somewhere may run later, and does not count.
pub(crate) fn runs_when_opened(
    program: &Program<'_>,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<bool> {
    let slots: BTreeSet<u64> = program
        .slots()
        .filter(|(_, name)| wanted(name))
        .map(|(place, _)| place)
        .collect();
    let stubs: BTreeSet<u64> = program
        .stubs()
        .filter(|(_, slot)| slots.contains(slot))
        .map(|(stub, _)| stub)
        .collect();
    if slots.is_empty() {
        return None;
    }
    let is_wanted = |leads: &Lead| match leads {
        Lead::Function(address) => stubs.contains(address),
        Lead::Slot(place) => slots.contains(place),
    };
    let mut seen = BTreeSet::new();
    let mut open: Vec<u64> = program.initializers().to_vec();
    let mut left = MAX_DECODED;
    while let Some(address) = open.pop() {
        let Some((_, end)) = program.function_of(address) else {
            continue;
        };
        let Some(size) = end.checked_sub(address) else {
            continue;
        };
        if !seen.insert(address) {
            continue;
        }
        // Not from the function's beginning: what the linker adds has no entry in the table of
        // functions and seems to lie in the one before it.
        left = left.checked_sub(size)?;
        for lead in leads(program, address, end) {
            if is_wanted(&lead) {
                return Some(true);
            }
            match lead {
                Lead::Function(address) => open.extend(target_of(program, address)),
                Lead::Slot(place) => open.extend(program.pointer(place)),
            }
        }
    }
    // Otherwise what calls it is reached in a way that is not followed here.
    is_called(program, &stubs, &slots).then_some(false)
}

/// Where a function leads to.
enum Lead {
    Function(u64),
    /// Whatever the place at this address holds.
    Slot(u64),
}

/// A function, or what the stub at its address jumps to, if that is in this file: stubs lie beside each
/// other and would be taken for one function.
fn target_of(program: &Program<'_>, address: u64) -> Option<u64> {
    match program.slot_of_stub(address) {
        Some(slot) => program.pointer(slot),
        None => Some(address),
    }
}

/// What the function calls, jumps to, or hands on.
fn leads(program: &Program<'_>, start: u64, end: u64) -> Vec<Lead> {
    let Some(bytes) = program.code_of(start, end) else {
        return Vec::new();
    };
    let mut decoder = Decoder::with_ip(64, bytes, start, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut leads = Vec::new();
    let mut held = None;
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let in_memory = instruction.memory_base() == Register::RIP;
        match instruction.flow_control() {
            FlowControl::Call
            | FlowControl::UnconditionalBranch
            | FlowControl::ConditionalBranch => {
                let target = instruction.near_branch_target();
                if !(start..end).contains(&target) {
                    leads.push(Lead::Function(target));
                }
            }
            FlowControl::IndirectCall | FlowControl::IndirectBranch if in_memory => {
                leads.push(Lead::Slot(instruction.ip_rel_memory_address()));
            }
            _ => {
                leads.extend(handed_on(program, &instruction, &mut held));
            }
        }
    }
    leads
}

/// What the instruction makes a parameter of a call, if that is a function; `held`: the register into
/// which the last instruction put the address of one.
fn handed_on(
    program: &Program<'_>,
    instruction: &Instruction,
    held: &mut Option<(Register, u64)>,
) -> Option<Lead> {
    let before = held.take();
    if instruction.op_count() != 2 || instruction.op0_kind() != OpKind::Register {
        return None;
    }
    let register = instruction.op0_register().full_register();
    let is_parameter = PARAMETERS.contains(&register);
    let in_memory = instruction.memory_base() == Register::RIP;
    match instruction.mnemonic() {
        Mnemonic::Lea if in_memory => {
            let address = instruction.ip_rel_memory_address();
            *held = program.is_code(address).then_some((register, address));
            (is_parameter && held.is_some()).then_some(Lead::Function(address))
        }
        Mnemonic::Mov if in_memory => {
            let place = instruction.ip_rel_memory_address();
            *held = program.pointer(place).map(|function| (register, function));
            is_parameter.then_some(Lead::Slot(place))
        }
        // As compilers write it that do not optimise.
        Mnemonic::Mov if instruction.op1_kind() == OpKind::Register => {
            let (source, function) = before?;
            let is_it = source == instruction.op1_register().full_register();
            (is_it && is_parameter).then_some(Lead::Function(function))
        }
        _ => None,
    }
}

/// Whether any function calls one of them, so that the way to it can be followed at all.
fn is_called(program: &Program<'_>, stubs: &BTreeSet<u64>, slots: &BTreeSet<u64>) -> bool {
    program.code().iter().any(|(address, bytes)| {
        memchr::memchr3_iter(0xe8, 0xe9, 0xff, bytes).any(|at| {
            let number = |at: usize| {
                let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
                let distance = i64::from(i32::from_le_bytes(bytes));
                Some((address + at as u64 + 4).wrapping_add_signed(distance))
            };
            match bytes[at] {
                0xff => {
                    matches!(bytes.get(at + 1), Some(0x15))
                        && number(at + 2).is_some_and(|place| slots.contains(&place))
                }
                _ => number(at + 1).is_some_and(|target| stubs.contains(&target)),
            }
        })
    })
}
