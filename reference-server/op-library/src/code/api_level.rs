//! Which level of ONNX Runtime's C interface a library asks for.
//!
//! `RegisterCustomOps` gets the interface's base as its second argument and asks it for a level:
//! `base->GetApi(ORT_API_VERSION)`, where the level is a number that the library was compiled with.
//! `GetApi` is the base's first function, `GetVersionString` its second.
//!
//! Source: `OrtApiBase` of the ONNX Runtime C API; calling convention of the System V ABI for AMD64.

use std::collections::{HashMap, HashSet};

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// How the library chooses the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiLevel {
    /// It is this number, the highest that it asks for.
    Constant(u32),
    /// It looks at the runtime's version first and asks for what that has.
    Adapted,
    /// It asks for a number that is computed when it runs.
    Computed,
    /// No request was found.
    Unknown,
}

/// No level of the interface is this high; a larger number is something else.
const HIGHEST_LEVEL: u64 = 200;
/// Bytes of one function that are decoded.
const FUNCTION_SIZE: usize = 16 << 10;
/// Functions that are looked into from the entry point.
const MOST_FUNCTIONS: usize = 24;
/// The registers that carry the first four arguments.
const ARGUMENTS: [Register; 4] = [Register::RDI, Register::RSI, Register::RDX, Register::RCX];
/// The registers that a called function may change.
const VOLATILE: [Register; 9] = [
    Register::RAX,
    Register::RCX,
    Register::RDX,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
];
/// Where `GetVersionString` stands in the base.
const VERSION_STRING: u64 = 8;

/// The level that the code at `entry`, which gets the base as its second argument, asks for. `code`
/// gives the bytes at an address, at most as many as asked for and at least one.
pub(crate) fn requested_api_level(
    entry: u64,
    code: &dyn Fn(u64, usize) -> Option<Vec<u8>>,
) -> ApiLevel {
    let mut search = Search {
        code,
        seen: HashSet::new(),
        found: Found::default(),
    };
    search.function(entry, Register::RSI);
    let Found {
        constant,
        computed,
        version,
    } = search.found;
    match constant {
        // Who asks for the version may ask for a constant only where that is known to be there.
        Some(level) if !version => ApiLevel::Constant(level),
        _ if version => ApiLevel::Adapted,
        _ if computed => ApiLevel::Computed,
        _ => ApiLevel::Unknown,
    }
}

#[derive(Default)]
struct Found {
    constant: Option<u32>,
    computed: bool,
    /// The version was asked for before any level was.
    version: bool,
}

struct Search<'a> {
    code: &'a dyn Fn(u64, usize) -> Option<Vec<u8>>,
    seen: HashSet<(u64, Register)>,
    found: Found,
}

/// What a register holds, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// The base.
    Base,
    /// The function at this offset of the base.
    Function(u64),
    /// A number.
    Constant(u64),
}

impl Search<'_> {
    /// Follows the function at `address` to which `base` carries the base. The code is read as it
    /// stands, without a look at where jumps lead: compilers put what happens first in front.
    fn function(&mut self, address: u64, base: Register) {
        if self.seen.len() == MOST_FUNCTIONS || !self.seen.insert((address, base)) {
            return;
        }
        let Some(bytes) = (self.code)(address, FUNCTION_SIZE) else {
            return;
        };
        let mut values = HashMap::from([(base, Value::Base)]);
        let mut slots: HashMap<i64, Value> = HashMap::new();
        let mut decoder = Decoder::with_ip(64, &bytes, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if instruction.is_invalid() {
                return;
            }
            match instruction.mnemonic() {
                Mnemonic::Mov => moved(&instruction, &mut values, &mut slots),
                Mnemonic::Call | Mnemonic::Jmp => {
                    self.transfer(&instruction, &mut values);
                    if instruction.mnemonic() == Mnemonic::Jmp && leaves(&instruction, address) {
                        return;
                    }
                }
                // The next function begins behind a gap.
                Mnemonic::Int3 | Mnemonic::Ud2 => return,
                Mnemonic::Ret if is_end(&bytes, decoder.position()) => return,
                _ => overwritten(&instruction, &mut values),
            }
        }
    }

    fn transfer(&mut self, instruction: &Instruction, values: &mut HashMap<Register, Value>) {
        let function = match instruction.op0_kind() {
            OpKind::NearBranch64 => {
                let target = instruction.near_branch_target();
                let carriers = ARGUMENTS
                    .into_iter()
                    .filter(|register| values.get(register) == Some(&Value::Base));
                for register in carriers.collect::<Vec<_>>() {
                    self.function(target, register);
                }
                None
            }
            OpKind::Register => match values.get(&instruction.op0_register().full_register()) {
                Some(Value::Function(offset)) => Some(*offset),
                _ => None,
            },
            OpKind::Memory if instruction.memory_index() == Register::None => {
                let base = values.get(&instruction.memory_base());
                (base == Some(&Value::Base)).then(|| instruction.memory_displacement64())
            }
            _ => None,
        };
        match function {
            Some(0) => match values.get(&Register::RDI) {
                Some(Value::Constant(level)) if (1..=HIGHEST_LEVEL).contains(level) => {
                    let level = u32::try_from(*level).unwrap_or_default();
                    self.found.constant = self.found.constant.max(Some(level));
                }
                _ => self.found.computed = true,
            },
            Some(VERSION_STRING) => {
                self.found.version |= self.found.constant.is_none() && !self.found.computed;
            }
            _ => {}
        }
        if instruction.mnemonic() == Mnemonic::Call {
            for register in VOLATILE {
                values.remove(&register);
            }
        }
    }
}

/// Follows a `mov` between registers, constants, the base's functions and the stack.
fn moved(
    instruction: &Instruction,
    values: &mut HashMap<Register, Value>,
    slots: &mut HashMap<i64, Value>,
) {
    let is_stack = matches!(instruction.memory_base(), Register::RSP | Register::RBP)
        && instruction.memory_index() == Register::None;
    let slot = instruction.memory_displacement64().cast_signed();
    let value = match instruction.op1_kind() {
        OpKind::Register => values
            .get(&instruction.op1_register().full_register())
            .copied(),
        OpKind::Memory if is_stack => slots.get(&slot).copied(),
        OpKind::Memory if instruction.memory_index() == Register::None => {
            let base = values.get(&instruction.memory_base());
            (base == Some(&Value::Base))
                .then(|| Value::Function(instruction.memory_displacement64()))
        }
        OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64 => {
            Some(Value::Constant(instruction.immediate(1)))
        }
        _ => None,
    };
    match instruction.op0_kind() {
        OpKind::Register => {
            let register = instruction.op0_register().full_register();
            match value {
                Some(value) => values.insert(register, value),
                None => values.remove(&register),
            };
        }
        OpKind::Memory if is_stack => {
            match value {
                Some(value) => slots.insert(slot, value),
                None => slots.remove(&slot),
            };
        }
        _ => {}
    }
}

/// Another instruction than `mov` may write its first operand.
fn overwritten(instruction: &Instruction, values: &mut HashMap<Register, Value>) {
    let reads_only = matches!(
        instruction.mnemonic(),
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push | Mnemonic::Nop | Mnemonic::Endbr64
    );
    if !reads_only && instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Register {
        values.remove(&instruction.op0_register().full_register());
    }
}

/// Whether a jump leads out of the function: to another one that takes its place.
fn leaves(instruction: &Instruction, start: u64) -> bool {
    match instruction.op0_kind() {
        OpKind::NearBranch64 => {
            let target = instruction.near_branch_target();
            target < start || target - start > FUNCTION_SIZE as u64
        }
        _ => false,
    }
}

/// Whether what stands behind a return is the padding between two functions: there is none in front
/// of a function's other branches, which compilers align less.
fn is_end(bytes: &[u8], position: usize) -> bool {
    let rest = &bytes[position.min(bytes.len())..];
    rest.is_empty() || rest.starts_with(&[0xcc]) || rest.starts_with(&[0x66, 0x66, 0x2e, 0x0f])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY: u64 = 0x1000;

    fn level_of(functions: &[(u64, &[u8])]) -> ApiLevel {
        let code = |address: u64, size: usize| {
            let (start, bytes) = functions
                .iter()
                .find(|(start, bytes)| (*start..*start + bytes.len() as u64).contains(&address))?;
            let offset = usize::try_from(address - start).ok()?;
            Some(bytes[offset..bytes.len().min(offset + size)].to_vec())
        };
        requested_api_level(ENTRY, &code)
    }

    #[test]
    fn a_level_in_the_code_is_read() {
        // mov edi, 15; call [rsi]; ret
        let direct = [0xbf, 0x0f, 0, 0, 0, 0xff, 0x16, 0xc3];
        assert_eq!(level_of(&[(ENTRY, &direct)]), ApiLevel::Constant(15));
        // mov rbx, rsi; mov edi, 22; mov rax, [rbx]; call rax; ret
        let copied = [
            0x48, 0x89, 0xf3, 0xbf, 0x16, 0, 0, 0, 0x48, 0x8b, 0x03, 0xff, 0xd0, 0xc3,
        ];
        assert_eq!(level_of(&[(ENTRY, &copied)]), ApiLevel::Constant(22));
    }

    #[test]
    fn a_function_that_is_called_with_the_base_is_looked_into() {
        // mov rdi, rsi; call 0x1100; ret
        let outer = [0x48, 0x89, 0xf7, 0xe8, 0xf8, 0, 0, 0, 0xc3];
        // mov rax, [rdi]; mov edi, 17; call rax; ret
        let inner = [0x48, 0x8b, 0x07, 0xbf, 0x11, 0, 0, 0, 0xff, 0xd0, 0xc3];
        let functions: [(u64, &[u8]); 2] = [(ENTRY, &outer), (0x1100, &inner)];
        assert_eq!(level_of(&functions), ApiLevel::Constant(17));
    }

    #[test]
    fn a_level_that_is_not_in_the_code_is_told_apart() {
        // mov rbx, rsi; call [rsi+8]; mov edi, eax; call [rbx]; ret
        let adapted = [
            0x48, 0x89, 0xf3, 0xff, 0x56, 0x08, 0x89, 0xc7, 0xff, 0x13, 0xc3,
        ];
        assert_eq!(level_of(&[(ENTRY, &adapted)]), ApiLevel::Adapted);
        // mov edi, eax; call [rsi]; ret
        let computed = [0x89, 0xc7, 0xff, 0x16, 0xc3];
        assert_eq!(level_of(&[(ENTRY, &computed)]), ApiLevel::Computed);
        assert_eq!(level_of(&[(ENTRY, &[0xc3])]), ApiLevel::Unknown);
        assert_eq!(level_of(&[]), ApiLevel::Unknown);
    }

    proptest! {
        #[test]
        fn any_code_is_read_to_an_end(code in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = level_of(&[(ENTRY, &code)]);
        }
    }
}
