//! Follows one function in a straight line.

use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfoFactory, InstructionInfoOptions, Mnemonic,
    OpAccess, OpKind, Register,
};

use super::program::Program;
use super::state::{PARAMETERS, State, Value};

/// What the names of functions begin with that make room for a text, give it back, or fill it.
const ALLOCATES: &str = "_Znwm";
const FREES: &str = "_ZdlPv";
const COPIES: &str = "memcpy";

/// `std::string::_M_create(size_t& capacity, size_t)`, which leaves the capacity as it is where there
/// was none.
const MAKES_ROOM: &str = "9_M_createERmm";

/// More instructions than a function needs that only returns a constant.
const MAX_RETURNING: usize = 12;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A function of this file, or the stub of one of another file.
    Function(u64),
    /// Whatever the place at this address holds.
    Slot(u64),
    /// Whatever lies at this distance from an address that is not known: a member of a table of
    /// functions.
    Member(u64),
}

/// One function, up to a point.
pub(super) struct Interpreter<'a, 'b> {
    program: &'a Program<'b>,
    decoder: Decoder<'a>,
    info: InstructionInfoFactory,
    pub state: State,
    instruction: Instruction,
    /// Where the call goes that is about to be made.
    called: Option<Target>,
}

/// What the last instruction was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Other,
    /// A call that is about to be made. [`Interpreter::finish_call`] makes it.
    Call(Target),
    /// A jump to where another function may begin, which is a call as the last thing done.
    Jump(Target),
    Return,
    End,
}

impl<'a, 'b> Interpreter<'a, 'b> {
    /// At the beginning of the function whose bytes are `bytes`.
    pub(super) fn new(program: &'a Program<'b>, start: u64, bytes: &'a [u8]) -> Self {
        Self {
            program,
            decoder: Decoder::with_ip(64, bytes, start, DecoderOptions::NONE),
            info: InstructionInfoFactory::new(),
            state: State::entry(),
            instruction: Instruction::default(),
            called: None,
        }
    }

    /// The address of the last instruction.
    pub(super) fn address(&self) -> u64 {
        self.instruction.ip()
    }

    /// Goes one instruction further.
    pub(super) fn step(&mut self) -> Step {
        if !self.decoder.can_decode() {
            return Step::End;
        }
        self.decoder.decode_out(&mut self.instruction);
        let instruction = self.instruction;
        match instruction.mnemonic() {
            Mnemonic::INVALID => {
                self.state.forget();
                Step::Other
            }
            Mnemonic::Call => match self.target() {
                Some(target) => {
                    self.called = Some(target);
                    Step::Call(target)
                }
                None => {
                    self.state.forget_for_call();
                    Step::Other
                }
            },
            Mnemonic::Jmp => match self.target() {
                Some(target) => Step::Jump(target),
                None => {
                    self.state.forget();
                    Step::Other
                }
            },
            Mnemonic::Ret => Step::Return,
            Mnemonic::Ud2 | Mnemonic::Int3 | Mnemonic::Hlt => {
                self.state.forget();
                Step::Other
            }
            _ => {
                self.transfer();
                Step::Other
            }
        }
    }

    /// Makes the call that [`step`](Self::step) came to. One that gets a place in the frame and a
    /// constant text makes a `std::string` there.
    pub(super) fn finish_call(&mut self) {
        let symbol = match self.called {
            Some(Target::Function(address)) => self.program.symbol_of_stub(address),
            Some(Target::Slot(place)) => self.program.symbol_at(place),
            _ => None,
        };
        let symbol = symbol.unwrap_or_default();
        let [object, second, third, ..] = PARAMETERS.map(|register| self.state.get(register));
        if symbol == ALLOCATES {
            self.state.forget_for_call();
            self.state.allocate();
        } else if symbol.ends_with(MAKES_ROOM) {
            let capacity = match second {
                Value::Frame(at) => self.state.load(at),
                _ => Value::Unknown,
            };
            self.state.forget_for_call();
            if let Value::Frame(at) = second {
                self.state.store(at, 8, capacity);
            }
            self.state.allocate();
        } else if symbol == COPIES {
            let text = match (second, third) {
                (Value::Address(text), Value::Constant(size)) => self.program.text_of(text, size),
                _ => None,
            };
            self.state.forget_for_call();
            if let (Value::Frame(at), Some(text)) = (object, text) {
                self.state.store_bytes(at, text.as_bytes());
            }
            self.state.set(Register::RAX, object);
        } else if symbol.starts_with(FREES) {
            self.state.forget_for_call();
            if let Value::Frame(at) = object {
                self.state.free(at);
            }
        } else {
            let made = self.made_string();
            self.state.forget_for_call();
            if let Some((at, text)) = made {
                self.state.make_string(at, text);
            }
        }
    }

    /// Behind a jump or a return.
    pub(super) fn finish_jump(&mut self) {
        self.state.forget();
    }

    /// The constructors of `std::string`, and what compilers make of them: an object, and a text
    /// with its end, its size, or an allocator.
    fn made_string(&self) -> Option<(i64, String)> {
        let [object, text, end, ..] = PARAMETERS.map(|register| self.state.get(register));
        let (Value::Frame(object), Value::Address(text)) = (object, text) else {
            return None;
        };
        let text = match end {
            Value::Address(end) => self.program.text_of(text, end.checked_sub(text)?)?,
            Value::Constant(size) => self.program.text_of(text, size)?,
            Value::Frame(_) => self.program.text(text)?,
            // A copy of the constructor in this file, of which the compiler removed the allocator.
            _ if self.calls_own_function() => self.program.text(text)?,
            Value::Unknown | Value::Parameter(_) => return None,
        };
        Some((object, text))
    }

    fn calls_own_function(&self) -> bool {
        let Some(Target::Function(address)) = self.called else {
            return false;
        };
        let function = self.program.function_of(address);
        function.is_some_and(|(start, _)| start == address)
    }

    fn target(&self) -> Option<Target> {
        let instruction = &self.instruction;
        match instruction.op0_kind() {
            OpKind::NearBranch64 => Some(Target::Function(instruction.near_branch64())),
            OpKind::Memory if instruction.is_ip_rel_memory_operand() => {
                Some(Target::Slot(instruction.ip_rel_memory_address()))
            }
            OpKind::Memory if instruction.memory_index() == Register::None => {
                Some(Target::Member(instruction.memory_displacement64()))
            }
            OpKind::Register => match self.state.get(instruction.op0_register()) {
                Value::Address(address) => Some(Target::Function(address)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an instruction without a jump does to the state.
    fn transfer(&mut self) {
        let instruction = self.instruction;
        match instruction.mnemonic() {
            Mnemonic::Lea => {
                let value = self.address_of_operand();
                self.write_register(instruction.op0_register(), value);
            }
            Mnemonic::Mov => self.transfer_mov(),
            Mnemonic::Xor | Mnemonic::Sub if self.clears_register() => {
                self.write_register(instruction.op0_register(), Value::Constant(0));
            }
            Mnemonic::Push => {
                let value = if instruction.op0_kind() == OpKind::Register {
                    self.state.get(instruction.op0_register())
                } else {
                    Value::Unknown
                };
                let top = add(self.state.get(Register::RSP), -8);
                self.state.set(Register::RSP, top);
                if let Value::Frame(at) = top {
                    self.state.store(at, 8, value);
                }
            }
            Mnemonic::Pop => {
                let top = self.state.get(Register::RSP);
                let value = match top {
                    Value::Frame(at) => self.state.load(at),
                    _ => Value::Unknown,
                };
                self.state.set(Register::RSP, add(top, 8));
                if instruction.op0_kind() == OpKind::Register {
                    self.write_register(instruction.op0_register(), value);
                }
            }
            Mnemonic::Leave => {
                let base = self.state.get(Register::RBP);
                self.state.set(Register::RSP, add(base, 8));
                self.state.set(Register::RBP, Value::Unknown);
            }
            Mnemonic::Add | Mnemonic::Sub if self.adds_constant() => {
                let number = instruction.immediate(1).cast_signed();
                let number = if instruction.mnemonic() == Mnemonic::Add {
                    number
                } else {
                    number.wrapping_neg()
                };
                let register = instruction.op0_register();
                let value = add(self.state.get(register), number);
                self.write_register(register, value);
            }
            // Aligns the frame: where it is then is not known, but it stays there.
            Mnemonic::And if instruction.op0_register() == Register::RSP => {}
            Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Nop | Mnemonic::Endbr64 => {}
            Mnemonic::Movaps
            | Mnemonic::Movups
            | Mnemonic::Movdqa
            | Mnemonic::Movdqu
            | Mnemonic::Vmovaps
            | Mnemonic::Vmovups
            | Mnemonic::Vmovdqa
            | Mnemonic::Vmovdqu => self.transfer_vector(),
            Mnemonic::Pxor | Mnemonic::Xorps if self.clears_register() => {
                self.state
                    .set_vector(instruction.op0_register(), Some([0; 16]));
            }
            _ => self.forget_written(),
        }
    }

    fn transfer_mov(&mut self) {
        let instruction = self.instruction;
        let value = match instruction.op1_kind() {
            OpKind::Register if instruction.op1_register().size() == 8 => {
                self.state.get(instruction.op1_register())
            }
            OpKind::Register => match self.state.get(instruction.op1_register()) {
                Value::Constant(number) if is_low(instruction.op1_register()) => {
                    Value::Constant(number)
                }
                _ => Value::Unknown,
            },
            OpKind::Memory if instruction.memory_size().size() == 8 => self.load(),
            OpKind::Memory => Value::Unknown,
            _ => Value::Constant(instruction.immediate(1)),
        };
        match instruction.op0_kind() {
            OpKind::Register => self.write_register(instruction.op0_register(), value),
            OpKind::Memory => {
                let size = instruction.memory_size().size();
                if let Value::Frame(at) = self.address_of_operand() {
                    self.state.store(at, size, value);
                }
            }
            _ => {}
        }
    }

    fn transfer_vector(&mut self) {
        let instruction = self.instruction;
        if instruction.op0_kind() == OpKind::Memory {
            let size = instruction.memory_size().size();
            if let Value::Frame(at) = self.address_of_operand() {
                match self.state.vector(instruction.op1_register()) {
                    Some(bytes) if size == 16 => self.state.store_bytes(at, &bytes),
                    _ => self.state.forget_frame(at, size as i64),
                }
            }
            return;
        }
        let value = match (instruction.op1_kind(), self.address_of_operand()) {
            (OpKind::Memory, Value::Address(address)) if self.program.is_constant(address) => self
                .program
                .memory
                .read(address, 16)
                .and_then(|bytes| bytes.try_into().ok()),
            (OpKind::Register, _) => self.state.vector(instruction.op1_register()),
            _ => None,
        };
        self.state.set_vector(instruction.op0_register(), value);
    }

    /// The 8 bytes of the memory operand.
    fn load(&self) -> Value {
        match self.address_of_operand() {
            Value::Frame(at) => self.state.load(at),
            Value::Address(place) => match self.program.constant_pointer(place) {
                Some(target) => Value::Address(target),
                None => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    /// The address that the memory operand names.
    fn address_of_operand(&self) -> Value {
        let instruction = &self.instruction;
        if instruction.is_ip_rel_memory_operand() {
            return Value::Address(instruction.ip_rel_memory_address());
        }
        if instruction.memory_index() != Register::None
            || instruction.segment_prefix() != Register::None
        {
            return Value::Unknown;
        }
        let distance = instruction.memory_displacement64().cast_signed();
        add(self.state.get(instruction.memory_base()), distance)
    }

    /// Writes to a register of any size: a half that is written alone leaves a value that nobody
    /// knows, except that 32 bits clear the upper half.
    fn write_register(&mut self, register: Register, value: Value) {
        let value = match (register.size(), value) {
            (8, value) => value,
            (4, Value::Constant(number)) => Value::Constant(number & 0xffff_ffff),
            _ => Value::Unknown,
        };
        self.state.set(register, value);
    }

    fn clears_register(&self) -> bool {
        let instruction = &self.instruction;
        instruction.op0_kind() == OpKind::Register
            && instruction.op1_kind() == OpKind::Register
            && instruction.op0_register() == instruction.op1_register()
    }

    fn adds_constant(&self) -> bool {
        let kind = self.instruction.op1_kind();
        self.instruction.op0_kind() == OpKind::Register
            && !matches!(kind, OpKind::Register | OpKind::Memory)
    }

    /// Forgets what an instruction of no particular interest writes.
    fn forget_written(&mut self) {
        let info = self
            .info
            .info_options(&self.instruction, InstructionInfoOptions::NO_MEMORY_USAGE);
        for used in info.used_registers() {
            if matches!(
                used.access(),
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            ) {
                self.state.set(used.register(), Value::Unknown);
                self.state.set_vector(used.register(), None);
            }
        }
        if self.instruction.op0_kind() == OpKind::Memory
            && let Value::Frame(at) = self.address_of_operand()
        {
            let size = self.instruction.memory_size().size();
            self.state.forget_frame(at, size as i64);
        }
    }
}

fn add(value: Value, number: i64) -> Value {
    match value {
        Value::Constant(constant) => Value::Constant(constant.wrapping_add_signed(number)),
        Value::Address(address) => Value::Address(address.wrapping_add_signed(number)),
        Value::Frame(at) => Value::Frame(at.wrapping_add(number)),
        Value::Parameter(_) if number == 0 => value,
        Value::Parameter(_) | Value::Unknown => Value::Unknown,
    }
}

/// Whether a register is the low part of a general one, as `cl` is and `ch` is not.
fn is_low(register: Register) -> bool {
    !matches!(
        register,
        Register::AH | Register::BH | Register::CH | Register::DH
    )
}

/// The text that the function at `start` returns, where it does nothing else.
pub(crate) fn returned_text(program: &Program<'_>, start: u64) -> Option<String> {
    let bytes = program.memory.read_up_to(start, 64)?;
    let mut interpreter = Interpreter::new(program, start, &bytes);
    for _ in 0..MAX_RETURNING {
        match interpreter.step() {
            Step::Other => {}
            Step::Return => {
                return match interpreter.state.get(Register::RAX) {
                    Value::Address(text) => program.text(text),
                    _ => None,
                };
            }
            Step::Call(_) | Step::Jump(_) | Step::End => return None,
        }
    }
    None
}
