//! Commands.

use zeroize::Zeroizing;

use crate::transport::Lengths;

/// What a command expects besides a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: there is no Le.
    Nothing,
    /// So many octets at most, from 1 to 65,536.
    UpTo(u32),
}

impl Answer {
    /// As much as the card has, up to what an Le of one octet can ask for.
    pub const ANY: Self = Self::UpTo(256);
}

/// A command to a card. It may hold a passcode or a key: it is wiped when it goes, and cannot be printed.
#[derive(Clone)]
pub struct Command {
    class: u8,
    instruction: u8,
    p1: u8,
    p2: u8,
    data: Zeroizing<Vec<u8>>,
    answer: Answer,
}

/// Octets that are no command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("these octets are no command to a card")]
pub struct MalformedCommand;

/// The class of a command that is part of a chain and not its last. ISO/IEC 7816-4, 5.4.1.
const CHAINED: u8 = 0x10;

/// The longest data of a short command.
const SHORT: usize = 255;
/// The longest data of an extended command.
const EXTENDED: usize = 65_535;

impl Command {
    /// A command of class 0 with neither data nor answer.
    pub fn new(instruction: u8, p1: u8, p2: u8) -> Self {
        Self { class: 0, instruction, p1, p2, data: Zeroizing::new(Vec::new()), answer: Answer::Nothing }
    }

    /// Of another class.
    #[must_use]
    pub(crate) fn of_class(self, class: u8) -> Self {
        Self { class, ..self }
    }

    /// With these data. The vector is taken over, so that no second copy of a secret is left.
    #[must_use]
    pub fn with_data(self, data: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self { data: data.into(), ..self }
    }

    /// With an answer.
    #[must_use]
    pub fn expecting(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// CLA.
    pub fn class(&self) -> u8 {
        self.class
    }

    /// INS.
    pub fn instruction(&self) -> u8 {
        self.instruction
    }

    /// P1 and P2.
    pub fn parameters(&self) -> (u8, u8) {
        (self.p1, self.p2)
    }

    /// The data, which may be secret.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// What is expected besides a status.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Whether more of the same command follows. ISO/IEC 7816-4, 5.4.1.
    pub fn is_chained(&self) -> bool {
        // Only the first interindustry classes have the bit there.
        self.class & 0xE0 == 0 && self.class & CHAINED != 0
    }

    /// The command as it goes to the card: one piece, or a chain of them where it is longer than a command may be.
    pub fn encode(&self, lengths: Lengths) -> Vec<Zeroizing<Vec<u8>>> {
        let longest = match lengths {
            Lengths::Short => SHORT,
            Lengths::Extended => EXTENDED,
        };
        if self.data.len() <= longest {
            return vec![self.piece(&self.data, lengths, self.class, self.answer)];
        }
        let last = (self.data.len() - 1) / longest;
        let pieces = self.data.chunks(longest).enumerate().map(|(at, data)| {
            if at == last {
                self.piece(data, lengths, self.class, self.answer)
            } else {
                self.piece(data, lengths, self.class | CHAINED, Answer::Nothing)
            }
        });
        pieces.collect()
    }

    /// Writes one of the cases 1 to 4. ISO/IEC 7816-4, 5.2.
    fn piece(&self, data: &[u8], lengths: Lengths, class: u8, answer: Answer) -> Zeroizing<Vec<u8>> {
        // All at once: a vector that grows leaves copies of what it holds.
        let mut octets = Zeroizing::new(Vec::with_capacity(4 + 3 + data.len() + 3));
        octets.extend([class, self.instruction, self.p1, self.p2]);
        let length = u16::try_from(data.len()).expect("a piece is no longer than its lengths allow");
        match lengths {
            Lengths::Short => {
                if length > 0 {
                    octets.push(length.to_be_bytes()[1]);
                    octets.extend_from_slice(data);
                }
                if let Answer::UpTo(most) = answer {
                    // 0 says 256.
                    octets.push(if most >= 256 { 0 } else { most.to_be_bytes()[3] });
                }
            }
            Lengths::Extended => {
                if length > 0 {
                    octets.push(0);
                    octets.extend(length.to_be_bytes());
                    octets.extend_from_slice(data);
                }
                if let Answer::UpTo(most) = answer {
                    if length == 0 {
                        octets.push(0);
                    }
                    // An answer of 256 means that any length will do; 0 says 65,536.
                    let [.., high, low] = if most >= 256 { [0; 4] } else { most.to_be_bytes() };
                    octets.extend([high, low]);
                }
            }
        }
        octets
    }

    /// Reads one piece, as a relay gets it. ISO/IEC 7816-4, 5.2.
    pub fn parse(octets: &[u8]) -> Result<Self, MalformedCommand> {
        let [class, instruction, p1, p2, rest @ ..] = octets else { return Err(MalformedCommand) };
        let (data, answer) = parse_body(rest).ok_or(MalformedCommand)?;
        Ok(Self {
            class: *class,
            instruction: *instruction,
            p1: *p1,
            p2: *p2,
            data: Zeroizing::new(data.to_vec()),
            answer,
        })
    }
}

fn parse_body(body: &[u8]) -> Option<(&[u8], Answer)> {
    let whole = |low: u8| Answer::UpTo(if low == 0 { 256 } else { u32::from(low) });
    let long = |high: u8, low: u8| match u16::from_be_bytes([high, low]) {
        0 => Answer::UpTo(65_536),
        most => Answer::UpTo(u32::from(most)),
    };
    Some(match *body {
        [] => (&[], Answer::Nothing),
        [most] => (&[], whole(most)),
        [0, high, low] => (&[], long(high, low)),
        [0, high, low, ref rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let (data, end) = rest.split_at_checked(length).filter(|_| length > 0)?;
            match *end {
                [] => (data, Answer::Nothing),
                [high, low] => (data, long(high, low)),
                _ => return None,
            }
        }
        [length, ref rest @ ..] => {
            let (data, end) = rest.split_at_checked(usize::from(length)).filter(|_| length > 0)?;
            match *end {
                [] => (data, Answer::Nothing),
                [most] => (data, whole(most)),
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(command: &Command, lengths: Lengths) -> Vec<String> {
        command.encode(lengths).iter().map(|piece| hex::encode(piece.as_slice())).collect()
    }

    /// The four cases, short and extended, are written as the standard has them, and read back.
    #[test]
    fn cases_are_written_and_read() {
        let plain = Command::new(0x20, 0, 0x80);
        let with = |answer| plain.clone().expecting(answer);
        let data = |answer| with(answer).with_data(vec![1, 2]);
        let cases = [
            (plain.clone(), "00200080", "00200080"),
            (with(Answer::ANY), "0020008000", "00200080000000"),
            (with(Answer::UpTo(5)), "0020008005", "00200080000005"),
            (data(Answer::Nothing), "00200080020102", "002000800000020102"),
            (data(Answer::ANY), "0020008002010200", "0020008000000201020000"),
        ];
        for (command, short, extended) in cases {
            assert_eq!(written(&command, Lengths::Short), [short]);
            assert_eq!(written(&command, Lengths::Extended), [extended]);
            for octets in [short, extended] {
                let read =
                    Command::parse(&hex::decode(octets).unwrap()).unwrap_or_else(|_| panic!("{octets}"));
                assert_eq!(read.data(), command.data(), "{octets}");
                assert_eq!(read.answer() == Answer::Nothing, command.answer() == Answer::Nothing, "{octets}");
            }
        }
    }

    /// What does not fit goes as a chain, of which the last piece alone asks for an answer.
    #[test]
    fn long_data_are_chained() {
        let command = Command::new(0xDB, 0x3F, 0xFF).with_data(vec![7; 511]).expecting(Answer::ANY);
        let pieces = command.encode(Lengths::Short);
        let pieces: Vec<_> = pieces.iter().map(|piece| Command::parse(piece).unwrap()).collect();
        assert_eq!(pieces.iter().map(|piece| piece.data().len()).collect::<Vec<_>>(), [255, 255, 1]);
        assert_eq!(pieces.iter().map(Command::is_chained).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(pieces[1].answer(), Answer::Nothing);
        assert_eq!(pieces[2].answer(), Answer::ANY);
        assert_eq!(command.encode(Lengths::Extended).len(), 1);
    }

    /// Lengths that say more or less than there is, and heads that are cut off, are no commands.
    #[test]
    fn malformed_commands_are_refused() {
        for octets in
            ["", "002000", "0020008003ff", "00200080010203040506", "002000800000", "00200080000003ff"]
        {
            let octets = hex::decode(octets).unwrap();
            let read = Command::parse(&octets);
            assert!(read.is_err(), "{octets:02x?}");
        }
    }
}
