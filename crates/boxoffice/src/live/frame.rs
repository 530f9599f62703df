//! Frames of a WebSocket (RFC 6455, section 5): writing the server's, which are the same bytes for every watcher, and
//! reading the client's, of which nothing is kept but what must be answered.

use bytes::Bytes;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The most that a control frame carries.
const MAX_CONTROL: usize = 125;

/// How the connection ends (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// All is said.
    Normal = 1000,
    /// The server is going down.
    GoingAway = 1001,
    /// The client sent what no client may send.
    Protocol = 1002,
    /// The client sent too much.
    TooBig = 1009,
    /// There is no place for now.
    TryAgainLater = 1013,
}

/// A text frame.
pub(super) fn text(payload: &[u8]) -> Bytes {
    write(OpCode::Data(Data::Text), payload)
}

/// A close frame.
pub(super) fn close(code: CloseCode) -> Bytes {
    write(OpCode::Control(Control::Close), &(code as u16).to_be_bytes())
}

fn pong(payload: &[u8]) -> Bytes {
    write(OpCode::Control(Control::Pong), payload)
}

fn write(opcode: OpCode, payload: &[u8]) -> Bytes {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let mut out = Vec::with_capacity(payload.len() + 10);
    // Writing into memory does not fail.
    let _ = header.format(payload.len() as u64, &mut out);
    out.extend_from_slice(payload);
    out.into()
}

/// What a client's bytes call for.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A pong to be sent.
    Pong(Bytes),
    /// The connection is to be closed so: the client wants it, or sent what no client may send.
    Close(CloseCode),
}

/// Reads a client's frames from pieces of any size. Watchers have nothing to say: what they say is passed over, as
/// long as it is well formed and not too long.
#[derive(Debug)]
pub struct Reader {
    max_message_bytes: usize,
    /// The header so far, or the payload of a control frame.
    kept: Vec<u8>,
    /// How much of a data frame's payload is still to be passed over.
    passing: u64,
    /// The size so far of a message that more frames belong to.
    message: Option<u64>,
}

impl Reader {
    /// A reader of messages of at most so many bytes.
    pub fn new(max_message_bytes: usize) -> Self {
        Self { max_message_bytes, kept: Vec::new(), passing: 0, message: None }
    }

    /// Reads on. Answers come in their order; after a `Close` nothing more is to be read.
    pub fn read(&mut self, mut input: &[u8], answers: &mut Vec<Answer>) {
        while !input.is_empty() {
            let passed = self.passing.min(input.len() as u64);
            self.passing -= passed;
            input = &input[passed as usize..];
            if let Some((first, rest)) = input.split_first() {
                // Headers and control frames are short and rare.
                self.kept.push(*first);
                input = rest;
                match self.frame() {
                    Ok(None) => {}
                    Ok(Some(answer)) => {
                        let last = matches!(answer, Answer::Close(_));
                        answers.push(answer);
                        if last {
                            return;
                        }
                    }
                    Err(code) => {
                        answers.push(Answer::Close(code));
                        return;
                    }
                }
            }
        }
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
    }

    /// Looks whether what is kept is a frame, or the header of one whose payload can be passed over.
    fn frame(&mut self) -> Result<Option<Answer>, CloseCode> {
        let mut cursor = std::io::Cursor::new(&self.kept);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)? else {
            return Ok(None);
        };
        let head = cursor.position() as usize;
        let Some(mask) = header.mask else { return Err(CloseCode::Protocol) };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(CloseCode::Protocol);
        }
        let control = match header.opcode {
            OpCode::Control(control @ (Control::Close | Control::Ping | Control::Pong)) => control,
            OpCode::Data(data @ (Data::Text | Data::Binary | Data::Continue)) => {
                self.kept.clear();
                return self.data(data == Data::Continue, header.is_final, length).map(|()| None);
            }
            _ => return Err(CloseCode::Protocol),
        };
        if !header.is_final || length > MAX_CONTROL as u64 {
            return Err(CloseCode::Protocol);
        }
        if self.kept.len() < head + length as usize {
            return Ok(None);
        }
        let payload: Vec<u8> =
            self.kept[head..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.kept.clear();
        match control {
            Control::Ping => Ok(Some(Answer::Pong(pong(&payload)))),
            Control::Close if payload.len() == 1 => Err(CloseCode::Protocol),
            Control::Close => Ok(Some(Answer::Close(CloseCode::Normal))),
            _ => Ok(None),
        }
    }

    fn data(&mut self, continues: bool, is_final: bool, length: u64) -> Result<(), CloseCode> {
        if continues != self.message.is_some() {
            return Err(CloseCode::Protocol);
        }
        let size = self.message.unwrap_or(0).saturating_add(length);
        if size > self.max_message_bytes as u64 {
            return Err(CloseCode::TooBig);
        }
        self.message = (!is_final).then_some(size);
        self.passing = length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 77, 177, 1];
        let mut out = vec![first];
        match payload.len() {
            short @ 0..126 => out.push(0x80 | short as u8),
            long => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(long as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn read(input: &[u8], piece: usize) -> Vec<Answer> {
        let (mut reader, mut answers) = (Reader::new(1000), Vec::new());
        for piece in input.chunks(piece) {
            reader.read(piece, &mut answers);
            if matches!(answers.last(), Some(Answer::Close(_))) {
                break;
            }
        }
        answers
    }

    #[test]
    fn servers_frames_have_the_shortest_header() {
        assert_eq!(text(b"hi")[..], *b"\x81\x02hi");
        assert_eq!(text(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(text(&[b'x'; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(close(CloseCode::GoingAway)[..], [0x88, 2, 3, 0xe9]);
    }

    #[test]
    fn pings_are_answered_between_other_frames_however_they_are_cut() {
        let input = [
            masked(0x01, &[b'a'; 300]),
            masked(0x89, b"ping"),
            masked(0x80, &[b'b'; 300]),
            masked(0x82, b""),
            masked(0x8a, b"a pong that nobody asked for"),
            masked(0x89, b""),
            masked(0x88, &[3, 232]),
        ]
        .concat();
        for piece in [1, 2, 3, 7, 64, input.len()] {
            let wanted = [
                Answer::Pong(Bytes::from_static(b"\x8a\x04ping")),
                Answer::Pong(Bytes::from_static(b"\x8a\0")),
                Answer::Close(CloseCode::Normal),
            ];
            assert_eq!(read(&input, piece), wanted, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_no_client_may_send_ends_the_connection() {
        use CloseCode::{Protocol, TooBig};
        let unmasked = vec![0x81, 2, b'h', b'i'];
        for (input, code) in [
            (unmasked, Protocol),
            (masked(0xc1, b"a reserved bit"), Protocol),
            (masked(0x83, b"a reserved opcode"), Protocol),
            (masked(0x8b, b"a reserved opcode"), Protocol),
            (masked(0x09, b"a control frame in parts"), Protocol),
            (masked(0x89, &[0; 126]), Protocol),
            (masked(0x80, b"nothing to continue"), Protocol),
            ([masked(0x01, b"a"), masked(0x81, b"b")].concat(), Protocol),
            (masked(0x88, &[3]), Protocol),
            (masked(0x81, &[b'x'; 1001]), TooBig),
            ([masked(0x01, &[b'x'; 600]), masked(0x80, &[b'x'; 401])].concat(), TooBig),
        ] {
            assert_eq!(read(&input, 5), [Answer::Close(code)], "{input:?}");
        }
        assert_eq!(read(&masked(0x81, &[b'x'; 1000]), 5), []);
    }
}
