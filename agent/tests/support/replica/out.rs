//! Owns how bytes leave a replica: whole answers, and the transfer coding of streams.
//! Must not know what they say.

use std::io::{self, Write};
use std::net::TcpStream;

pub struct Out<'a> {
    stream: &'a TcpStream,
    /// The connection ends with this answer.
    pub closes: bool,
}

/// What follows the head.
pub enum Body<'a> {
    /// So many bytes of this kind; of none where there are none.
    Whole(Option<&'a str>, usize),
    /// Events, of a length that is not known yet.
    Stream,
}

impl<'a> Out<'a> {
    pub fn to(stream: &'a TcpStream, closes: bool) -> Self {
        Self { stream, closes }
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// One chunk of the transfer coding, its size as Python servers and llama.cpp write it.
    pub fn chunk(&mut self, text: &str) -> io::Result<()> {
        self.text(&format!("{:x}\r\n{text}\r\n", text.len()))
    }

    /// The same with the size as hyper writes it.
    pub fn upper_chunk(&mut self, text: &str) -> io::Result<()> {
        self.text(&format!("{:X}\r\n{text}\r\n", text.len()))
    }

    /// The end of a stream.
    pub fn end(&mut self) -> io::Result<()> {
        self.text("0\r\n\r\n")
    }
}
