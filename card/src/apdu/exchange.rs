//! One whole command and its whole answer, however many pieces they take.

use super::{Answer, Command, MalformedResponse, Response, Status};
use crate::transport::{Lengths, Transport, TransportError};

/// GET RESPONSE. ISO/IEC 7816-4, 7.6.1.
const GET_RESPONSE: u8 = 0xC0;

/// More than any object of PIV holds: a facial image has 12,710 octets. NIST SP 800-73-5 part 1, table 7.
pub(crate) const LONGEST_ANSWER: usize = 32_768;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The card was not reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// It answered, but not in the form of an answer.
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
    /// Its answer has no end.
    #[error("the card's answer does not come to an end")]
    Endless,
}

/// Gives a command to a card: a long one as a chain, and a long answer is fetched until its end. ISO/IEC 7816-4, 5.3.3 and 5.3.4.
pub fn exchange<T: Transport + ?Sized>(
    transport: &mut T,
    command: &Command,
) -> Result<Response, ExchangeError> {
    let lengths = transport.lengths();
    let mut response = Response { data: Vec::new(), status: Status::Success };
    for piece in command.encode(lengths) {
        if response.status != Status::Success {
            return Ok(response);
        }
        response = Response::parse(transport.transmit(&piece)?)?;
    }
    if let Status::ExactLength(exact) = response.status {
        // ISO/IEC 7816-4, 5.6: the very command again, with the length that the card gave. It has done nothing yet.
        let again = command.clone().expecting(up_to(exact));
        if let Some(last) = again.encode(lengths).pop() {
            response = Response::parse(transport.transmit(&last)?)?;
        }
    }
    fetch_rest(transport, response)
}

fn fetch_rest<T: Transport + ?Sized>(transport: &mut T, first: Response) -> Result<Response, ExchangeError> {
    let Response { mut data, mut status } = first;
    while let Status::MoreAvailable(more) = status {
        let command = Command::new(GET_RESPONSE, 0, 0).expecting(up_to(more));
        let pieces = command.encode(Lengths::Short);
        let next = Response::parse(transport.transmit(&pieces[0])?)?;
        // A card that has more to say and says nothing would be asked for ever.
        let stalls = next.data.is_empty() && matches!(next.status, Status::MoreAvailable(_));
        if stalls || data.len() + next.data.len() > LONGEST_ANSWER {
            return Err(ExchangeError::Endless);
        }
        data.extend(next.data);
        status = next.status;
    }
    Ok(Response { data, status })
}

fn up_to(length: u8) -> Answer {
    Answer::UpTo(if length == 0 { 256 } else { u32::from(length) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Script;

    fn answers(said: &[&str]) -> Script {
        Script::new(said.iter().map(|said| hex::decode(said).unwrap()).collect())
    }

    /// A long answer is fetched to its end, each time as much as the card says there is.
    #[test]
    fn long_answers_are_fetched() {
        let mut card = answers(&["0102610a", "03046101", "059000"]);
        let response = exchange(&mut card, &Command::new(0xCB, 0x3F, 0xFF)).unwrap();
        assert_eq!(response, Response { data: vec![1, 2, 3, 4, 5], status: Status::Success });
        let heard: Vec<String> = card.heard.iter().map(hex::encode).collect();
        assert_eq!(heard, ["00cb3fff", "00c000000a", "00c0000001"]);
    }

    /// A card that names the length of its answer is asked once more, with it.
    #[test]
    fn exact_length_is_asked_for() {
        let mut card = answers(&["6c02", "01029000"]);
        let command = Command::new(0xF8, 0, 0).expecting(Answer::ANY);
        assert_eq!(exchange(&mut card, &command).unwrap().data, [1, 2]);
        assert_eq!(hex::encode(&card.heard[1]), "00f8000002");
        let mut card = answers(&["6c02", "6c03"]);
        assert_eq!(exchange(&mut card, &command).unwrap().status, Status::ExactLength(3), "not for ever");
    }

    /// A chain ends where the card refuses a piece of it.
    #[test]
    fn refused_chain_ends() {
        let mut card = answers(&["9000", "6a84", "9000"]);
        let command = Command::new(0xDB, 0x3F, 0xFF).with_data(vec![0; 600]);
        assert_eq!(exchange(&mut card, &command).unwrap().status, Status::NoSpace);
        assert_eq!(card.heard.len(), 2);
    }

    /// Answers without end, without progress and without a status are errors.
    #[test]
    fn hostile_answers_end() {
        let command = Command::new(0xCB, 0x3F, 0xFF);
        let endless = format!("{}6100", "00".repeat(256));
        let said = vec![endless.as_str(); 200];
        assert!(matches!(exchange(&mut answers(&said), &command), Err(ExchangeError::Endless)));
        assert!(matches!(exchange(&mut answers(&["6105", "6105"]), &command), Err(ExchangeError::Endless)));
        assert!(matches!(exchange(&mut answers(&["90"]), &command), Err(ExchangeError::Malformed(_))));
        assert!(matches!(exchange(&mut answers(&[]), &command), Err(ExchangeError::Transport(_))));
    }
}
