//! Calls of functions that are worth knowing of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use memchr::memchr3_iter;

use super::interpreter::{Interpreter, Step, Target};
use super::program::Program;
use super::state::{PARAMETERS, Value};

/// Bytes of functions that are followed at most.
const MAX_FOLLOWED: u64 = 16 << 20;

/// How far wrappers around wrappers are looked for.
const MAX_ROUNDS: usize = 3;

/// A function with more bytes than this does more than to pass a parameter on.
const MAX_WRAPPER: u64 = 4096;

/// What to watch for.
pub(crate) struct Watch<'a, K> {
    /// What a function of that name is, for those worth knowing of.
    pub named: &'a dyn Fn(&str) -> Option<K>,
    /// What a member of a table of functions is, by its distance from the table's beginning.
    pub member: Option<(u64, K)>,
    /// The parameter that is a text, for what may have wrappers.
    pub text: &'a dyn Fn(K) -> Option<Text>,
    /// The index of the parameter that is a reference to an object that the caller makes for the call,
    /// where what is in it is worth knowing.
    pub object: &'a dyn Fn(K) -> Option<usize>,
    /// Whether it makes an object of the text, where its first parameter leads: that text is then known
    /// of the object, too.
    pub makes: &'a dyn Fn(K) -> bool,
}

/// A parameter that is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// The index of the parameter.
    pub parameter: usize,
    /// The index of a wrapper's parameter where it comes in as a constant and is made a
    /// `std::string` there, which loses sight of it.
    pub wrapped: usize,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call<K> {
    /// What is called: something that is watched for, or any other function of the file.
    pub callee: Callee<K>,
    /// Where the function begins that it is made in.
    pub function: u64,
    /// Where it is made.
    pub site: u64,
    /// The parameters as far as they are known.
    pub parameters: [Value; 6],
    /// The texts that they lead to: constants, objects of type `std::string`, and others that were made
    /// of a text.
    pub texts: [Option<String>; 6],
    /// The addresses that the object that is made for the call holds, as far as they are known.
    pub held: Vec<u64>,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callee<K> {
    /// Something that is watched for.
    Watched(K),
    /// A function of the file that passes a parameter on to it: the text is that parameter, the
    /// object it belongs to the first.
    Wrapper {
        /// What it calls.
        of: K,
        /// The index of the parameter.
        text: usize,
        /// Where it begins.
        function: u64,
    },
    /// Another function of the file, at that address.
    Function(u64),
}

/// The functions that are watched for, by where calls of them go.
struct Targets<K> {
    functions: HashMap<u64, Callee<K>>,
    slots: HashMap<u64, Callee<K>>,
    member: Option<(u64, K)>,
}

impl<K: Copy> Targets<K> {
    fn callee(&self, target: Target) -> Option<Callee<K>> {
        match target {
            Target::Function(address) => self.functions.get(&address).copied(),
            Target::Slot(place) => self.slots.get(&place).copied(),
            Target::Member(distance) => self
                .member
                .filter(|(member, _)| *member == distance)
                .map(|(_, callee)| Callee::Watched(callee)),
        }
    }
}

/// All calls of what is watched for, by address. Functions in which there are any have their calls
/// of other functions of the file in the list, too.
pub(crate) fn calls<K: Copy + PartialEq>(
    program: &Program<'_>,
    watch: &Watch<'_, K>,
) -> Vec<Call<K>> {
    let mut targets = Targets {
        functions: HashMap::new(),
        slots: HashMap::new(),
        member: watch.member,
    };
    let watched = |name: &str| (watch.named)(name).map(Callee::Watched);
    targets.slots.extend(
        program
            .slots()
            .filter_map(|(place, name)| Some((place, watched(name)?))),
    );
    let local = program
        .local_symbols
        .definitions()
        .map(|(name, address)| (address, name));
    let defined = program.exports().chain(local);
    targets
        .functions
        .extend(defined.filter_map(|(address, name)| Some((address, watched(name)?))));
    if targets.slots.is_empty() && targets.functions.is_empty() && targets.member.is_none() {
        return Vec::new();
    }
    let mut left = MAX_FOLLOWED;
    let mut found: Vec<Call<K>> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        add_stubs(program, &mut targets);
        let functions: BTreeSet<(u64, u64)> = program
            .code()
            .iter()
            .flat_map(|(address, bytes)| sites(*address, bytes, &targets))
            .filter_map(|site| program.function_of(site))
            .collect();
        // A wrapper that was found changes what is known of functions that were followed before.
        found.clear();
        for (start, end) in functions {
            let size = end - start;
            if size > left {
                continue;
            }
            left -= size;
            found.extend(follow(program, start, end, &targets, watch));
        }
        if !add_wrappers(program, &found, watch, &mut targets) {
            break;
        }
    }
    found.sort_by_key(|call| call.site);
    found
}

/// The stubs of the slots that are known.
fn add_stubs<K: Copy>(program: &Program<'_>, targets: &mut Targets<K>) {
    for (stub, slot) in program.stubs() {
        if let Some(callee) = targets.slots.get(&slot) {
            targets.functions.insert(stub, *callee);
        }
    }
}

/// Where something is called or jumped to that is watched for, and possibly elsewhere: the bytes are
/// not decoded.
fn sites<K: Copy>(address: u64, code: &[u8], targets: &Targets<K>) -> Vec<u64> {
    let mut sites = Vec::new();
    for at in memchr3_iter(0xe8, 0xe9, 0xff, code) {
        let is_site = if code[at] != 0xff {
            relative(address, code, at + 1)
                .is_some_and(|target| targets.functions.contains_key(&target))
        } else {
            match code.get(at + 1) {
                Some(0x15 | 0x25) => relative(address, code, at + 2)
                    .is_some_and(|place| targets.slots.contains_key(&place)),
                // A call of a member: a register and a distance of 4 bytes, but not the stack
                // pointer.
                Some(kind) if kind & 0xf8 == 0x90 && *kind != 0x94 => targets
                    .member
                    .zip(number(code, at + 2))
                    .is_some_and(|((member, _), distance)| u64::from(distance) == member),
                _ => false,
            }
        };
        if is_site {
            sites.push(address.wrapping_add(at as u64));
        }
    }
    sites
}

/// The address that the 4 bytes at `at` lead to, counted from their end.
fn relative(address: u64, code: &[u8], at: usize) -> Option<u64> {
    let distance = number(code, at)?.cast_signed();
    let next = address.wrapping_add(at as u64 + 4);
    Some(next.wrapping_add_signed(distance.into()))
}

fn number(code: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(code.get(at..at + 4)?.try_into().ok()?))
}

/// The calls in one function.
fn follow<K: Copy + PartialEq>(
    program: &Program<'_>,
    start: u64,
    end: u64,
    targets: &Targets<K>,
    watch: &Watch<'_, K>,
) -> Vec<Call<K>> {
    let Some(bytes) = program.code_of(start, end) else {
        return Vec::new();
    };
    let mut interpreter = Interpreter::new(program, start, bytes);
    let mut calls = Vec::new();
    loop {
        let step = interpreter.step();
        let (target, jumps) = match step {
            Step::Other => continue,
            Step::Return => {
                interpreter.finish_jump();
                continue;
            }
            Step::End => return calls,
            Step::Call(target) => (target, false),
            Step::Jump(target) => (target, true),
        };
        let mut made_object = None;
        let callee = targets.callee(target).or(match target {
            Target::Function(address) if !jumps => Some(Callee::Function(address)),
            _ => None,
        });
        if let Some(callee) = callee {
            let parameters = PARAMETERS.map(|register| interpreter.state.get(register));
            let texts = parameters.map(|value| match value {
                Value::Address(address) => program.text(address),
                Value::Frame(at) => interpreter.state.string(at),
                _ => None,
            });
            let object = match callee {
                Callee::Watched(function) => (watch.object)(function),
                Callee::Wrapper { .. } | Callee::Function(_) => None,
            };
            let made = match callee {
                Callee::Watched(of) => (watch.text)(of).map(|text| (of, text.parameter)),
                Callee::Wrapper { of, text, .. } => Some((of, text)),
                Callee::Function(_) => None,
            };
            made_object = match (made, parameters[0]) {
                (Some((of, text)), Value::Frame(at)) if text != 0 && (watch.makes)(of) => {
                    texts[text].clone().map(|text| (at, text))
                }
                _ => None,
            };
            let held = match object.map(|index| parameters[index]) {
                Some(Value::Frame(at)) => interpreter.state.held_by(at),
                _ => Vec::new(),
            };
            calls.push(Call {
                callee,
                function: start,
                site: interpreter.address(),
                parameters,
                texts,
                held,
            });
        }
        if jumps {
            interpreter.finish_jump();
        } else {
            interpreter.finish_call();
            if let Some((at, text)) = made_object {
                interpreter.state.make_string(at, text);
            }
        }
    }
}

/// Adds the functions that pass a parameter on to something that is watched for; whether there is any
/// that was not known.
fn add_wrappers<K: Copy + PartialEq>(
    program: &Program<'_>,
    calls: &[Call<K>],
    watch: &Watch<'_, K>,
    targets: &mut Targets<K>,
) -> bool {
    let mut added: BTreeMap<u64, Callee<K>> = BTreeMap::new();
    for call in calls {
        let (of, text) = match call.callee {
            Callee::Watched(of) => (of, (watch.text)(of)),
            Callee::Wrapper { of, text, .. } => {
                let same = Text {
                    parameter: text,
                    wrapped: text,
                };
                (of, Some(same))
            }
            Callee::Function(_) => continue,
        };
        let Some(text) = text.filter(|text| call.texts[text.parameter].is_none()) else {
            continue;
        };
        let parameter = match call.parameters[text.parameter] {
            Value::Parameter(index) => index,
            Value::Frame(_) => text.wrapped,
            Value::Unknown | Value::Constant(_) | Value::Address(_) => continue,
        };
        let is_small = program
            .function_of(call.function)
            .is_some_and(|(start, end)| start == call.function && end - start <= MAX_WRAPPER);
        if is_small && !targets.functions.contains_key(&call.function) {
            let wrapper = Callee::Wrapper {
                of,
                text: parameter,
                function: call.function,
            };
            added.entry(call.function).or_insert(wrapper);
        }
    }
    targets.functions.extend(&added);
    // An exported one is called through a slot, even from its own file.
    let places = program.places_of(&added.keys().copied().collect());
    let slots = places
        .iter()
        .map(|(place, function)| (*place, added[function]));
    targets.slots.extend(slots);
    !added.is_empty()
}
