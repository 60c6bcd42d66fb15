//! Which function types of C++ the code of a function names: `typeid(R(Args...))`, as a registration
//! keeps it beside the pointer to the function.

use std::collections::{BTreeSet, HashMap};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, Register};

use super::program::Program;

/// The table of virtual functions that the objects which describe function types begin with; they
/// stay in a stripped file, too. A pointer to the type's mangled name follows.
///
/// Source: Itanium C++ ABI, "Run-Time Type Information (RTTI)".
const DESCRIPTION: &str = "_ZTVN10__cxxabiv120__function_type_infoE";

/// The length of the longest name that is read.
const MAX_NAME: usize = 4096;

/// Bytes of functions that are decoded at most for one that is asked about: what makes an object and
/// hands it on is smaller.
const MAX_DECODED: u64 = 1 << 16;

/// The function types that a file describes.
pub(crate) struct FunctionTypes<'a, 'b> {
    program: &'a Program<'b>,
    /// The mangled names, by the address of the description.
    names: HashMap<u64, String>,
}

/// What the code of a function names, with that of the functions of the file which it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// The mangled names of function types.
    pub types: BTreeSet<String>,
    /// How many calls of functions of other files there are that were asked for.
    pub calls: usize,
}

impl<'a, 'b> FunctionTypes<'a, 'b> {
    /// Reads the descriptions in a file.
    pub(crate) fn read(program: &'a Program<'b>) -> Self {
        let names = program
            .slots()
            .filter(|(_, symbol)| *symbol == DESCRIPTION)
            .filter_map(|(place, _)| {
                let name = program.pointer(place.checked_add(8)?)?;
                let name = program.text(name)?;
                let is_function = name.starts_with('F') && name.len() <= MAX_NAME;
                is_function.then_some((place, name))
            });
        Self {
            names: names.collect(),
            program,
        }
    }

    /// The mangled name of the type that is described at `address`.
    pub(crate) fn at(&self, address: u64) -> Option<&str> {
        self.names.get(&address).map(String::as_str)
    }

    /// What the function at `start` names, and the calls in it of functions of other files whose name
    /// is `wanted`; `None` where it is no function, or there is too much code.
    pub(crate) fn named_by(&self, start: u64, wanted: &dyn Fn(&str) -> bool) -> Option<Named> {
        let mut named = Named::default();
        if self.names.is_empty() {
            return Some(named);
        }
        let mut seen = BTreeSet::new();
        let mut open = vec![self.function_at(start)?];
        let mut left = MAX_DECODED;
        while let Some(start) = open.pop() {
            if !seen.insert(start) {
                continue;
            }
            let Some((_, end)) = self.program.function_of(start) else {
                continue;
            };
            left = left.checked_sub(end.checked_sub(start)?)?;
            let Some(bytes) = self.program.code_of(start, end) else {
                continue;
            };
            let mut decoder = Decoder::with_ip(64, bytes, start, DecoderOptions::NONE);
            let mut instruction = Instruction::default();
            while decoder.can_decode() {
                decoder.decode_out(&mut instruction);
                if let Some(symbol) = self.called_elsewhere(&instruction) {
                    named.calls += usize::from(wanted(symbol));
                } else if let Some(called) = self.called(&instruction) {
                    if !(start..end).contains(&called) {
                        open.extend(self.function_at(called));
                    }
                } else if let Some(name) = self.operand(&instruction) {
                    named.types.insert(name.to_owned());
                }
            }
        }
        Some(named)
    }

    /// The function of this file that begins at `address`, or that the stub at it leads to.
    fn function_at(&self, address: u64) -> Option<u64> {
        let address = match self.program.slot_of_stub(address) {
            Some(slot) => self.program.pointer(slot)?,
            None => address,
        };
        let (start, _) = self.program.function_of(address)?;
        (start == address).then_some(address)
    }

    /// The name of the function of another file that an instruction calls.
    fn called_elsewhere(&self, instruction: &Instruction) -> Option<&str> {
        let slot = match instruction.flow_control() {
            FlowControl::Call | FlowControl::UnconditionalBranch => self
                .program
                .slot_of_stub(instruction.near_branch_target())?,
            FlowControl::IndirectCall | FlowControl::IndirectBranch
                if instruction.memory_base() == Register::RIP =>
            {
                instruction.ip_rel_memory_address()
            }
            _ => return None,
        };
        match self.program.pointer(slot) {
            Some(_) => None,
            None => self.program.symbol_at(slot),
        }
    }

    /// Where an instruction goes in this file.
    fn called(&self, instruction: &Instruction) -> Option<u64> {
        match instruction.flow_control() {
            FlowControl::Call
            | FlowControl::UnconditionalBranch
            | FlowControl::ConditionalBranch => Some(instruction.near_branch_target()),
            FlowControl::IndirectCall | FlowControl::IndirectBranch
                if instruction.memory_base() == Register::RIP =>
            {
                self.program.pointer(instruction.ip_rel_memory_address())
            }
            _ => None,
        }
    }

    /// The type whose description's address an instruction makes or loads.
    fn operand(&self, instruction: &Instruction) -> Option<&str> {
        if instruction.memory_base() != Register::RIP {
            return None;
        }
        let address = instruction.ip_rel_memory_address();
        if instruction.mnemonic() == Mnemonic::Lea {
            return self.at(address);
        }
        self.at(self.program.pointer(address)?)
    }
}
