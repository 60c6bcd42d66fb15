//! What is known of registers and of a function's frame at one point of it.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::Register;

/// What is known of a 64-bit value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Value {
    #[default]
    Unknown,
    /// A number.
    Constant(u64),
    /// An address in the file.
    Address(u64),
    /// An address in the function's frame, as the distance from where its return address lies.
    Frame(i64),
    /// The function's own parameter, in the order of registers.
    Parameter(usize),
}

/// The registers that parameters are passed in.
///
/// Source: System V ABI for x86-64, "Parameter passing".
pub(crate) const PARAMETERS: [Register; 6] = [
    Register::RDI,
    Register::RSI,
    Register::RDX,
    Register::RCX,
    Register::R8,
    Register::R9,
];

/// The registers that a call may change.
const CHANGED_BY_CALLS: [Register; 9] = [
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

/// Size of a `std::string` of libstdc++: a pointer, a length, and 16 bytes for a short text or for the
/// capacity.
const STRING_SIZE: i64 = 32;

/// The bytes of an object that are looked at for the addresses that it holds.
const OBJECT_SIZE: i64 = 80;

/// More bytes than are worth remembering at a time.
const MAX_KNOWN: usize = 1 << 16;

/// Where memory that is allocated is taken to lie, and how far apart: it is treated as a part of the
/// frame that no function reaches.
const ALLOCATED: i64 = 1 << 40;
const ALLOCATED_SIZE: i64 = 1 << 20;

/// What is known at one point.
#[derive(Clone, Debug)]
pub(super) struct State {
    registers: [Value; 16],
    /// Constant contents of vector registers.
    vectors: [Option<[u8; 16]>; 16],
    /// Known bytes of the frame.
    bytes: BTreeMap<i64, u8>,
    /// Known addresses in the frame.
    addresses: BTreeMap<i64, Value>,
    /// Where addresses were stored since something at most [`OBJECT_SIZE`] before was handed to a call.
    stored: BTreeSet<i64>,
    /// Objects of type `std::string` in the frame.
    strings: BTreeMap<i64, String>,
    /// Pieces of memory that were allocated so far.
    allocated: i64,
}

impl State {
    /// At a function's beginning.
    pub(super) fn entry() -> Self {
        let mut state = Self {
            registers: [Value::Unknown; 16],
            vectors: [None; 16],
            bytes: BTreeMap::new(),
            addresses: BTreeMap::new(),
            stored: BTreeSet::new(),
            strings: BTreeMap::new(),
            allocated: 0,
        };
        state.set(Register::RSP, Value::Frame(0));
        for (index, register) in PARAMETERS.into_iter().enumerate() {
            state.set(register, Value::Parameter(index));
        }
        state
    }

    /// Behind a jump or a return, where control comes from elsewhere: only the frame is the same.
    pub(super) fn forget(&mut self) {
        for (index, value) in self.registers.iter_mut().enumerate() {
            let keeps = [Register::RSP, Register::RBP]
                .into_iter()
                .any(|register| general(register) == Some(index));
            if !(keeps && matches!(value, Value::Frame(_))) {
                *value = Value::Unknown;
            }
        }
        self.vectors = [None; 16];
        self.bytes.clear();
        self.addresses.clear();
        self.stored.clear();
        self.strings.clear();
    }

    /// Behind a call: what it may have changed.
    pub(super) fn forget_for_call(&mut self) {
        for register in PARAMETERS {
            if let Value::Frame(at) = self.get(register) {
                self.forget_frame(at, STRING_SIZE);
                let end = at.saturating_add(OBJECT_SIZE);
                self.stored.retain(|stored| !(at..end).contains(stored));
            }
        }
        for register in CHANGED_BY_CALLS {
            self.set(register, Value::Unknown);
        }
        self.vectors = [None; 16];
    }

    /// A call returned new memory.
    pub(super) fn allocate(&mut self) {
        self.allocated += 1;
        let at = ALLOCATED + self.allocated * ALLOCATED_SIZE;
        self.set(Register::RAX, Value::Frame(at));
    }

    /// The memory at `at` was given back.
    pub(super) fn free(&mut self, at: i64) {
        if at >= ALLOCATED {
            self.forget_frame(at, ALLOCATED_SIZE);
        }
    }

    /// The value of a general register.
    pub(super) fn get(&self, register: Register) -> Value {
        general(register).map_or(Value::Unknown, |index| self.registers[index])
    }

    /// Sets a general register as a whole.
    pub(super) fn set(&mut self, register: Register, value: Value) {
        if let Some(index) = general(register) {
            self.registers[index] = value;
        }
    }

    pub(super) fn vector(&self, register: Register) -> Option<[u8; 16]> {
        self.vectors[vector(register)?]
    }

    pub(super) fn set_vector(&mut self, register: Register, value: Option<[u8; 16]>) {
        if let Some(index) = vector(register) {
            self.vectors[index] = value;
        }
    }

    /// Stores known bytes at `at`.
    pub(super) fn store_bytes(&mut self, at: i64, bytes: &[u8]) {
        self.forget_frame(at, bytes.len() as i64);
        if self.bytes.len() < MAX_KNOWN {
            let known = bytes.iter().enumerate();
            self.bytes
                .extend(known.map(|(index, byte)| (at.wrapping_add(index as i64), *byte)));
        }
    }

    /// Stores a value of `size` bytes at `at`.
    pub(super) fn store(&mut self, at: i64, size: usize, value: Value) {
        self.forget_frame(at, size as i64);
        match value {
            Value::Constant(number) if size <= 8 => {
                self.store_bytes(at, &number.to_le_bytes()[..size]);
            }
            Value::Address(_) | Value::Frame(_) | Value::Parameter(_)
                if size == 8 && self.addresses.len() < MAX_KNOWN =>
            {
                self.addresses.insert(at, value);
                self.stored.insert(at);
            }
            _ => {}
        }
    }

    /// The 8 bytes at `at`.
    pub(super) fn load(&self, at: i64) -> Value {
        if let Some(value) = self.addresses.get(&at) {
            return *value;
        }
        self.load_bytes(at, 8).map_or(Value::Unknown, |bytes| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes);
            Value::Constant(u64::from_le_bytes(number))
        })
    }

    fn load_bytes(&self, at: i64, size: i64) -> Option<Vec<u8>> {
        (at..at.checked_add(size)?)
            .map(|at| self.bytes.get(&at).copied())
            .collect()
    }

    /// Forgets what is known of `size` bytes from `at` on.
    pub(super) fn forget_frame(&mut self, at: i64, size: i64) {
        let end = at.saturating_add(size);
        let remove = |keys: Vec<i64>, map: &mut BTreeMap<i64, Value>| {
            for key in keys {
                map.remove(&key);
            }
        };
        let bytes: Vec<i64> = range(&self.bytes, at, end);
        for key in bytes {
            self.bytes.remove(&key);
        }
        let addresses = range(&self.addresses, at.saturating_sub(7), end);
        remove(addresses, &mut self.addresses);
        let strings = range(&self.strings, at.saturating_sub(STRING_SIZE - 1), end);
        for key in strings {
            self.strings.remove(&key);
        }
    }

    /// The addresses in the file that the object at `at` holds and that were stored since it, or another
    /// one in its place, was last handed to a call.
    pub(super) fn held_by(&self, at: i64) -> Vec<u64> {
        let end = at.saturating_add(OBJECT_SIZE);
        let stored = self.stored.range(at..end);
        let held = stored.filter_map(|at| match self.addresses.get(at) {
            Some(Value::Address(address)) => Some(*address),
            _ => None,
        });
        held.collect()
    }

    /// A `std::string` was made at `at`.
    pub(super) fn make_string(&mut self, at: i64, text: String) {
        self.forget_frame(at, STRING_SIZE);
        if self.strings.len() < MAX_KNOWN {
            self.strings.insert(at, text);
        }
    }

    /// The text of the `std::string` at `at`: one that a call made, or one that the function put
    /// together itself.
    pub(super) fn string(&self, at: i64) -> Option<String> {
        if let Some(text) = self.strings.get(&at) {
            return Some(text.clone());
        }
        let Value::Frame(text_at) = self.load(at) else {
            return None;
        };
        let Value::Constant(size) = self.load(at.checked_add(8)?) else {
            return None;
        };
        let size = i64::try_from(size)
            .ok()
            .filter(|size| *size <= MAX_KNOWN as i64)?;
        String::from_utf8(self.load_bytes(text_at, size)?).ok()
    }
}

fn range<V>(map: &BTreeMap<i64, V>, start: i64, end: i64) -> Vec<i64> {
    if start >= end {
        return Vec::new();
    }
    map.range(start..end).map(|(key, _)| *key).collect()
}

/// The index of a general register of any size.
fn general(register: Register) -> Option<usize> {
    let full = register.full_register();
    full.is_gpr64().then(|| full.number())
}

/// The index of a vector register of 16 bytes.
fn vector(register: Register) -> Option<usize> {
    (register.is_xmm() && register.number() < 16).then(|| register.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_string_is_read_where_all_of_it_is_known() {
        let mut state = State::entry();
        state.store(-64, 8, Value::Frame(-48));
        state.store(-48, 8, Value::Constant(u64::from_le_bytes(*b"torchvis")));
        // The compiler's stores overlap.
        state.store(-41, 4, Value::Constant(u32::from_le_bytes(*b"sion").into()));
        assert_eq!(state.string(-64), None);
        state.store(-56, 8, Value::Constant(11));
        assert_eq!(state.string(-64).as_deref(), Some("torchvision"));
        state.store(-45, 1, Value::Unknown);
        assert_eq!(state.string(-64), None);
    }

    #[test]
    fn an_object_holds_what_was_stored_since_it_was_last_handed_on() {
        let mut state = State::entry();
        state.store(-200, 8, Value::Address(1));
        state.store(-192, 8, Value::Address(2));
        state.store(-184, 8, Value::Frame(-64));
        state.store(-144, 8, Value::Address(3));
        state.store(-192 + OBJECT_SIZE, 8, Value::Address(4));
        assert_eq!(state.held_by(-192), [2, 3]);
        state.set(Register::RDX, Value::Frame(-192));
        state.forget_for_call();
        assert_eq!(state.held_by(-192), [0; 0]);
        // It is still known what lies there.
        assert_eq!(state.load(-144), Value::Address(3));
        assert_eq!(state.held_by(-200), [1]);
        state.store(-144, 8, Value::Address(5));
        assert_eq!(state.held_by(-192), [5]);
        assert_eq!(state.held_by(i64::MAX), [0; 0]);
    }

    #[test]
    fn a_call_may_change_what_it_is_given() {
        let mut state = State::entry();
        state.make_string(-64, "ops".to_owned());
        state.make_string(-128, "more".to_owned());
        state.set(Register::RDI, Value::Frame(-64));
        state.set(Register::RBX, Value::Frame(-128));
        state.forget_for_call();
        assert_eq!(state.string(-64), None);
        assert_eq!(state.string(-128).as_deref(), Some("more"));
        assert_eq!(state.get(Register::RDI), Value::Unknown);
        assert_eq!(state.get(Register::EBX), Value::Frame(-128));
    }
}
