//! Python's pickle format, protocol 2, as far as TorchScript files need it.

/// A pickle that is being written. Each method appends what it says to the stack machine that a
/// pickle is a program for.
#[derive(Debug, Clone)]
pub(super) struct Pickle {
    bytes: Vec<u8>,
}

/// Opcodes, by their names in Python's `pickletools`.
mod opcode {
    pub(super) const PROTO: u8 = 0x80;
    pub(super) const GLOBAL: u8 = b'c';
    pub(super) const MARK: u8 = b'(';
    pub(super) const TUPLE: u8 = b't';
    pub(super) const EMPTY_TUPLE: u8 = b')';
    pub(super) const EMPTY_DICT: u8 = b'}';
    pub(super) const SETITEMS: u8 = b'u';
    pub(super) const NEWOBJ: u8 = 0x81;
    pub(super) const BUILD: u8 = b'b';
    pub(super) const REDUCE: u8 = b'R';
    pub(super) const BINPERSID: u8 = b'Q';
    pub(super) const BINUNICODE: u8 = b'X';
    pub(super) const BININT: u8 = b'J';
    pub(super) const LONG1: u8 = 0x8a;
    pub(super) const NEWFALSE: u8 = 0x89;
    pub(super) const NONE: u8 = b'N';
    pub(super) const STOP: u8 = b'.';
}

impl Pickle {
    /// The beginning of a pickle.
    pub(super) fn new() -> Pickle {
        Pickle {
            bytes: vec![opcode::PROTO, 2],
        }
    }

    /// The class or function `name` of a module.
    pub(super) fn global(self, module: &str, name: &str) -> Pickle {
        self.op(opcode::GLOBAL)
            .raw(format!("{module}\n{name}\n").as_bytes())
    }

    /// A text.
    pub(super) fn text(self, text: &str) -> Pickle {
        let length = u32::try_from(text.len()).expect("texts of models are short");
        self.op(opcode::BINUNICODE)
            .raw(&length.to_le_bytes())
            .raw(text.as_bytes())
    }

    /// An integer.
    pub(super) fn integer(self, value: i64) -> Pickle {
        match i32::try_from(value) {
            Ok(value) => self.op(opcode::BININT).raw(&value.to_le_bytes()),
            Err(_) => self
                .op(opcode::LONG1)
                .raw(&[size_of::<i64>() as u8])
                .raw(&value.to_le_bytes()),
        }
    }

    /// `False`.
    pub(super) fn no(self) -> Pickle {
        self.op(opcode::NEWFALSE)
    }

    /// `None`.
    pub(super) fn none(self) -> Pickle {
        self.op(opcode::NONE)
    }

    /// A tuple of what `elements` appends.
    pub(super) fn tuple(self, elements: impl FnOnce(Pickle) -> Pickle) -> Pickle {
        elements(self.op(opcode::MARK)).op(opcode::TUPLE)
    }

    /// A tuple without elements.
    pub(super) fn empty_tuple(self) -> Pickle {
        self.op(opcode::EMPTY_TUPLE)
    }

    /// A tuple of integers.
    pub(super) fn integers(self, values: &[i64]) -> Pickle {
        self.tuple(|pickle| {
            values
                .iter()
                .fold(pickle, |pickle, &value| pickle.integer(value))
        })
    }

    /// Replaces a function and a tuple of arguments by the result of the call.
    pub(super) fn call(self) -> Pickle {
        self.op(opcode::REDUCE)
    }

    /// Replaces a tuple by the object outside of the pickle that it identifies.
    pub(super) fn persistent(self) -> Pickle {
        self.op(opcode::BINPERSID)
    }

    /// Replaces a class by an object of it, with the keys and values that `state` appends.
    pub(super) fn object(self, state: impl FnOnce(Pickle) -> Pickle) -> Pickle {
        let dictionary = self
            .empty_tuple()
            .op(opcode::NEWOBJ)
            .op(opcode::EMPTY_DICT)
            .op(opcode::MARK);
        state(dictionary).op(opcode::SETITEMS).op(opcode::BUILD)
    }

    /// The finished pickle.
    pub(super) fn finish(self) -> Vec<u8> {
        self.op(opcode::STOP).bytes
    }

    fn op(mut self, opcode: u8) -> Pickle {
        self.bytes.push(opcode);
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Pickle {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_those_of_python() {
        // pickle.dumps((), protocol=2) and what PyTorch writes as `constants.pkl`.
        assert_eq!(Pickle::new().empty_tuple().finish(), b"\x80\x02).");
        assert_eq!(
            Pickle::new()
                .global("__torch__", "Net")
                .object(|state| state.text("a").no().text("b").none())
                .finish(),
            b"\x80\x02c__torch__\nNet\n)\x81}(X\x01\x00\x00\x00a\x89X\x01\x00\x00\x00bNub."
        );
        assert_eq!(
            Pickle::new()
                .global("m", "f")
                .integers(&[1, -2])
                .call()
                .finish(),
            b"\x80\x02cm\nf\n(J\x01\x00\x00\x00J\xfe\xff\xff\xfftR."
        );
    }

    proptest! {
        #[test]
        fn integers_are_little_endian_in_the_shortest_form(value: i64) {
            let pickle = Pickle::new().integer(value).finish();
            let body = &pickle[2..pickle.len() - 1];
            let read = match body {
                [opcode::BININT, bytes @ ..] => i64::from(i32::from_le_bytes(bytes.try_into().unwrap())),
                [opcode::LONG1, 8, bytes @ ..] => i64::from_le_bytes(bytes.try_into().unwrap()),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(read, value);
        }

        #[test]
        fn texts_stand_behind_their_length(text in "\\PC{0,40}") {
            let pickle = Pickle::new().text(&text).finish();
            let (length, rest) = pickle[3..].split_at(4);
            prop_assert_eq!(u32::from_le_bytes(length.try_into().unwrap()) as usize, text.len());
            prop_assert_eq!(&rest[..text.len()], text.as_bytes());
        }
    }
}
