//! Which op library answered, told from the values: each adds its own signature to its results.

use crate::observation::Answer;

/// Who answered the models of a case so far, and the libraries that the server got.
#[derive(Debug, Default)]
pub struct Answers {
    /// Op libraries in the order in which the server got them.
    order: Vec<&'static str>,
    answers: Vec<Answer>,
}

impl Answers {
    /// Notes that the server got an op library, unless it had it.
    pub fn got(&mut self, library: &'static str) {
        if !self.order.contains(&library) {
            self.order.push(library);
        }
    }

    /// Notes that `library`, which adds `signature`, answered `model`. An earlier answer of the same
    /// library, or of identical ones, is not noted again.
    pub fn note(&mut self, model: &str, library: Option<&str>, signature: u8) {
        let place = library.and_then(|library| self.order.iter().position(|got| *got == library));
        let answer = Answer {
            model: model.to_owned(),
            library: library.map(|library| format!("lib{library}.so")),
            signature,
            place: place.map(|position| position + 1),
            of: self.order.len(),
        };
        if !self.answers.contains(&answer) {
            self.answers.push(answer);
        }
    }

    /// All answers, in the order in which they were given.
    pub fn into_inner(self) -> Vec<Answer> {
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_the_place_of_its_library() {
        let mut answers = Answers::default();
        for library in ["first", "second", "first"] {
            answers.got(library);
        }
        answers.note("subject", Some("second"), 2);
        answers.note("subject", Some("second"), 2);
        answers.note("bystander", None, 0);
        let told = answers.into_inner();
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].place, told[0].of), (Some(2), 2));
        assert_eq!(told[0].library.as_deref(), Some("libsecond.so"));
        assert_eq!((told[1].place, &told[1].library), (None, &None));
    }
}
